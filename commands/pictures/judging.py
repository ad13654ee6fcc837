"""Sources of pictures judged row by row, for what moderates them."""

import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from commands.terminal import progress_bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from indexer.sources.items import Failure, SourceItem
    from indexer.sources.named_sources import NamedSource
    from indexer.sources.web.access import WebAccess
    from indexer.sources.web.fetcher import Fetcher
    from models.pictures.decoding import Picture
    from search_api.engine import Engine
    from search_api.moderation.checks import Findings
    from search_api.results import Verdict


def opened_source(name: str, data_dir: Path | None, web: "WebAccess") -> "NamedSource":
    """Return the source of pictures that a person names: a file, a pattern, or what `lookalike index` takes."""
    from indexer.sources.loose_pictures import LoosePictures, pictures_named
    from indexer.sources.named_sources import open_source

    if paths := pictures_named(name):
        return LoosePictures(paths)
    with progress_bar("B") as progress:
        return open_source(name, data_dir, progress, getattr(sys.stdin, "buffer", None), web)


def judged_rows(
    engine: "Engine", rows: "Iterable[SourceItem | Failure]"
) -> "Iterator[tuple[str, Verdict, Findings | None]]":
    """Yield the name of each row of a source, the verdict, and what was found; what can't be read is to be reviewed."""
    from indexer.sources.items import Failure
    from indexer.sources.web.access import Limits
    from indexer.sources.web.fetcher import Fetcher
    from models.errors import LookalikeError
    from search_api.moderation.moderator import MODERATED_AT_ONCE
    from search_api.moderation.submissions import Submission

    remaining = iter(rows)
    with closing(Fetcher(Limits())) as fetcher:
        while batch := list(islice(remaining, MODERATED_AT_ONCE)):
            failed: dict[int, tuple[str, str]] = {}
            submissions: dict[int, Submission] = {}
            for place, row in enumerate(batch):
                if isinstance(row, Failure):
                    failed[place] = row.code, row.message
                    continue
                try:
                    submissions[place] = Submission(_read(row, fetcher), row.attributes)
                except LookalikeError as error:
                    failed[place] = error.code, str(error)
            verdicts: dict[int, tuple[Verdict, Findings | None]] = {}
            for place, answer in zip(submissions, engine.judge_all(list(submissions.values())), strict=True):
                if isinstance(answer, LookalikeError):
                    failed[place] = answer.code, str(answer)
                else:
                    verdicts[place] = answer
            verdicts |= {place: (_unreadable(engine, *why), None) for place, why in failed.items()}
            for place, row in enumerate(batch):
                yield str(row.id or row.place), *verdicts[place]


def _read(item: "SourceItem", fetcher: "Fetcher") -> "bytes | Picture":
    from indexer.sources.web.access import WebPicture
    from models.pictures.decoding import Picture

    picture = item.picture
    if isinstance(picture, Picture):
        return picture
    return fetcher.fetch(picture).data or b"" if isinstance(picture, WebPicture) else picture.read()


def _unreadable(engine: "Engine", code: str, sentence: str) -> "Verdict":
    from search_api.results import Reason, Verdict

    reason = Reason(code, sentence, "review")
    return Verdict("review", (reason,), {}, 0.0, (), engine.card.fingerprint, engine.policy.name, {})
