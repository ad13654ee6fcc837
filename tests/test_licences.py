"""What ships is told under whose licence: every dependency by name, with the licence that its own metadata gives."""

import re
import tomllib
from importlib.metadata import distribution, metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

KINDS = ("MIT-CMU", "MIT", "BSD", "Apache", "MPL", "Python Software Foundation", "any-OSI")
TOLD_AS = {"Python Software Foundation": "Python", "any-OSI": "any OSI"}


def _names(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\[>=<~! ]", requirement)[0] for requirement in requirements}
    return names - {PROJECT["name"]}


def _licences(package: str) -> str:
    """Return what a package's metadata says of its licence, and the first line of its text."""
    told: Any = metadata(package)
    classifiers = [line for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    said = [told["License-Expression"] or "", (told["License"] or "").partition("\n")[0], *classifiers]
    if not any(said) or said[:2] == ["", "UNKNOWN"]:
        texts = [file.read_text() for file in distribution(package).files or () if file.name == "LICENSE"]
        said += [text.strip().partition("\n")[0] for text in texts]
    return " ".join(said)


EXTRAS = PROJECT["optional-dependencies"]
RUNTIME = _names(PROJECT["dependencies"]).union(*(_names(asked) for name, asked in EXTRAS.items() if name != "dev"))


@pytest.mark.parametrize("package", sorted(RUNTIME))
def test_the_page_names_what_is_installed_under_its_licence(package: str) -> None:
    (row,) = (line for line in PAGE.splitlines() if re.match(rf"\| {re.escape(package)}[ ,]", line))
    kinds = [kind for kind in KINDS if kind in _licences(package)]
    assert kinds
    assert all(TOLD_AS.get(kind, kind) in row.split("|")[3] for kind in kinds)


def test_the_page_names_nothing_that_is_not_installed() -> None:
    rows = PAGE.partition("| package |")[2].splitlines()[2:]
    named = {re.split(r"[ ,]", row)[1] for row in rows if row.startswith("| ")}
    assert named == RUNTIME


def test_the_page_names_the_tools_of_development() -> None:
    assert all(name in PAGE for name in _names(EXTRAS["dev"]))


def test_the_project_and_its_package_are_under_the_licence_that_lies_in_it() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert licence.startswith("MIT License\n")
    assert "The Lookalike authors" in licence
    assert (PROJECT["license"], PROJECT["license-files"]) == ("MIT", ["LICENSE"])


def test_no_font_ships() -> None:
    fonts = {".woff", ".woff2", ".ttf", ".otf", ".eot"}
    rooms = ("models", "webui", "docs", "sample_shop")
    assert not [path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix.lower() in fonts]
    sheets = [path.read_text(encoding="utf-8") for path in (ROOT / "webui" / "static").glob("*.css")]
    assert sheets
    assert not any("@font-face" in sheet for sheet in sheets)
