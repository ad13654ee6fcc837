"""Moderating: what a policy says of pictures, by their pixels, by what a model sees, and by a blocklist."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from models.errors import LookalikeError
from models.garments.kinds import top_agreement
from search_api.errors import Busy
from search_api.moderation.blocklists import Blocklists
from search_api.moderation.checks import Findings, reasons_of, strongest
from search_api.moderation.policy import DEFAULT, Policy
from search_api.moderation.policy_file import PolicyFile
from search_api.moderation.submissions import Opened, Submission, opened
from search_api.results import Garment, Verdict
from search_api.seeing.embedded_picture import EmbeddedPicture, predicted_of
from search_api.seeing.picture_reader import embedded, milliseconds_since

if TYPE_CHECKING:
    from pathlib import Path

    from indexer.predictions import Predicted
    from models.embedder import Embedder
    from search_api.seeing.picture_reader import PictureReader

MODERATED_AT_ONCE = 16
"""Pictures that are embedded in one pass when many are moderated."""


class Moderator:
    """Judges pictures that a reader has seen with a model. Safe to use from several threads.

    `policy` is the file of the policy in force; None for the default. Raises what PolicyFile does, and what
    `LocalCatalogue.open` does of its blocklist.
    """

    def __init__(self, embedder: "Embedder", reader: "PictureReader", policy: "Path | None") -> None:
        self._embedder = embedder
        self._reader = reader
        self._blocklists = Blocklists(embedder.card.fingerprint)
        self._policy = None if policy is None else PolicyFile(policy, self._check_policy)

    @property
    def policy(self) -> Policy:
        """The policy in force: what its file says now, or the default."""
        return DEFAULT if self._policy is None else self._policy.current()

    def judge(
        self, submissions: Sequence[Submission], policy: Policy | None = None
    ) -> list[tuple[Verdict, Findings] | LookalikeError]:
        """Return what a policy says of each of many pictures, and by what: in place of that, why one can't be read.

        Up to MODERATED_AT_ONCE are embedded in one pass. Raises InvalidPolicyValue for a policy that names no class of
        the model, PolicyNeedsPackage where one is lacking, and what `LocalCatalogue.open` raises for its blocklist.
        """
        policy = policy or self.policy
        policy.require_classes(self._embedder.card.classes)
        policy.require_packages()
        answers: list[tuple[Verdict, Findings] | LookalikeError] = []
        for start in range(0, len(submissions), MODERATED_AT_ONCE):
            answers += self._moderated(submissions[start : start + MODERATED_AT_ONCE], policy)
        return answers

    def _check_policy(self, policy: Policy) -> None:
        policy.require_classes(self._embedder.card.classes)
        if policy.blocklist.catalogue is not None:
            self._blocklists.check(policy.blocklist.catalogue)

    def _moderated(
        self, submissions: Sequence[Submission], policy: Policy
    ) -> list[tuple[Verdict, Findings] | LookalikeError]:
        started = time.perf_counter()
        seen: list[Opened | LookalikeError] = []
        for submission in submissions:
            try:
                with self._reader.turn():
                    seen.append(opened(submission, self._embedder, policy))
            except Busy:
                raise
            except LookalikeError as error:
                seen.append(error)
        decoded = time.perf_counter()
        views = [one.view for one in seen if isinstance(one, Opened) and one.view is not None]
        answers = self._embedder.answers(views)
        steps = {"decode": (decoded - started) * 1000, "embed": milliseconds_since(decoded)}
        steps = {step: taken / len(submissions) for step, taken in steps.items()}
        pictures = iter(replace(embedded(view, answers, at), timings=steps) for at, view in enumerate(views))
        return [
            self._judged(one, next(pictures) if one.view is not None else None, submission, policy, steps)
            if isinstance(one, Opened)
            else one
            for one, submission in zip(seen, submissions, strict=True)
        ]

    def _judged(
        self,
        seen: Opened,
        whole: EmbeddedPicture | None,
        submission: Submission,
        policy: Policy,
        steps: Mapping[str, float],
    ) -> tuple[Verdict, Findings]:
        started = time.perf_counter()
        found, familiarity = seen.findings, 0.0
        predicted: Predicted = {}
        garments: tuple[Garment, ...] = ()
        if whole is not None:
            picture = self._reader.embed_garments(seen.picture, whole, None)
            garments, predicted = picture.garments, predicted_of(picture, self._embedder.card)
            familiarity = float(self._embedder.familiarity(picture.vectors)[0])
            found = replace(
                found,
                garments=garments,
                known_class=familiarity,
                known_garment=float(self._embedder.familiarity(picture.vectors, others=True)[0]),
                top=float(top_agreement(picture.vectors, picture.probabilities[None], self._embedder.card.classes)[0]),
            )
            if policy.blocklist.catalogue is not None:  # which holds whole pictures
                match = self._blocklists.match(policy.blocklist.catalogue, whole.vectors, seen.fingerprints)
                found = replace(found, blocklist=match)
        reasons = reasons_of(policy, found, submission.attributes)
        verdict = Verdict(
            verdict=strongest(reasons),
            reasons=reasons,
            predicted=predicted,
            familiarity=familiarity,
            garments=garments,
            model=self._embedder.card.fingerprint,
            policy=policy.name,
            timings={**steps, "judge": milliseconds_since(started)},
        )
        return verdict, found

    def close(self) -> None:
        """Close the blocklists."""
        self._blocklists.close()
