"""Options that may also be set in a file and in the environment, and what of all that is in force."""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from models.errors import LookalikeError

_NOT_SETTINGS = {"settings", "check", "help"}


class InvalidSettings(LookalikeError):
    """A file of settings that can't be read, or holds what is none."""

    code = "invalid-settings"


class SettingsCommand(click.Command):
    """A command whose options may be set elsewhere: the command line is before the environment, that before the file.

    An option `--port` of `serve` is LOOKALIKE_SERVE_PORT, where it has no variable of its own, and `port` in the file
    that `--settings` names. `--check` is handed to the command as `check`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params += [
            click.Option(
                ["--settings"],
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                is_eager=True,
                expose_value=False,
                callback=_take,
                help="TOML file of these options by their names, like port = 8000. The environment "
                f"({_variable(self.name, 'port')} ...) goes before it, the command line before both.",
            ),
            click.Option(["--check"], is_flag=True, help="Say what is in force and where it comes from, and end."),
        ]
        for option in self.params:
            if isinstance(option, click.Option) and option.envvar is None and option.name != "check":
                option.envvar = _variable(self.name, _name_of(option))


def print_settings(context: click.Context) -> None:
    """Print what is in force, a line each with where it comes from, as a file of settings would hold it."""
    path = context.meta.get(_KEY)
    for option in _settings_of(context.command):
        value = context.params[option.name or ""]
        source = context.get_parameter_source(option.name or "")
        if source is ParameterSource.COMMANDLINE:
            told = "the command line"
        elif source is ParameterSource.ENVIRONMENT:
            told = _variable_in_force(option)
        elif source is ParameterSource.DEFAULT_MAP:
            told = str(path)
        else:
            told = "the default"
        name = _name_of(option)
        click.echo(f"# {name} is not set" if value is None else f"{name} = {_as_toml(value)}  # {told}")


_KEY = f"{__name__}.file"


def _take(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Let what a file says be the defaults. Raises InvalidSettings."""
    if path is None:
        return
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettings(f"The settings {path} can't be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"The settings {path} are no TOML: {error}.") from None
    options = {_name_of(option): option for option in _settings_of(context.command)}
    if unknown := sorted(set(told) - set(options)):
        raise InvalidSettings(
            f"The settings {path} hold {', '.join(map(repr, unknown))}, which is none. There are: "
            f"{', '.join(sorted(options))}."
        )
    context.meta[_KEY] = path
    context.default_map = {
        options[name].name or "": _checked(options[name], value, path, context) for name, value in told.items()
    }


def _checked(option: click.Option, value: Any, path: Path, context: click.Context) -> Any:
    if option.multiple and isinstance(value, str):
        value = [value]
    values = value if option.multiple and isinstance(value, list) else [value]
    kinds = bool if option.is_flag else (str, int)
    is_plain = all(isinstance(one, kinds) and isinstance(one, bool) == bool(option.is_flag) for one in values)
    try:
        if not is_plain:
            raise click.BadParameter("that is not the kind of value that it takes.")
        option.type_cast_value(context, value)
    except click.BadParameter as error:
        raise InvalidSettings(f"{_name_of(option)} in the settings {path}: {error.message}") from None
    return value


def _settings_of(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and one.name not in _NOT_SETTINGS]


def _name_of(option: click.Option) -> str:
    return max(option.opts, key=len).lstrip("-")


def _variable(command: str | None, option: str) -> str:
    return f"LOOKALIKE_{command}_{option}".upper().replace("-", "_")


def _variable_in_force(option: click.Option) -> str:
    names = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    return next((name for name in names if os.environ.get(name)), "the environment")


def _as_toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_as_toml, value))}]"
    return json.dumps(value if isinstance(value, bool | int | str) else str(value), ensure_ascii=False)
