"""What the command shows on stderr while something takes long."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any


class ProgressBar:
    """A bar on stderr with rate and remaining time; a line now and then where nobody watches."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                unit=self._unit,
                unit_scale=self._unit == "B",
                dynamic_ncols=True,
                mininterval=0.1 if sys.stderr.isatty() else 10,
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)

    def close(self) -> None:
        """Leave the bar as it is and go to the next line."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def progress_bar(unit: str) -> Iterator[ProgressBar]:
    """Give a bar that counts such units and closes at the end."""
    with closing(ProgressBar(unit)) as progress:
        yield progress
