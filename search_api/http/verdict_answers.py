"""The JSON shapes of verdicts on pictures."""

from typing import TYPE_CHECKING

from search_api.http.answers import Json, garment_answer, predicted_answer

if TYPE_CHECKING:
    from search_api.results import Reason, Verdict

_DECIMALS = 6


def verdict_answer(verdict: "Verdict") -> Json:
    """Return a verdict, and what it was based on."""
    return {
        "verdict": verdict.verdict,
        "reasons": [reason_answer(reason) for reason in verdict.reasons],
        "predicted": predicted_answer(verdict.predicted, guesses=True),
        "familiar": verdict.familiar,
        "familiarity": round(verdict.familiarity, _DECIMALS),
        "garments": [garment_answer(garment) for garment in verdict.garments],
        "model": verdict.model,
        "policy": verdict.policy,
        "took_ms": round(sum(verdict.timings.values()), 3),
    }


def reason_answer(reason: "Reason") -> Json:
    """Return one reason of a verdict."""
    measured = reason.measured
    return {
        "code": reason.code,
        "sentence": reason.sentence,
        "verdict": reason.verdict,
        "measured": round(measured, _DECIMALS) if isinstance(measured, float) else measured,
        "threshold": reason.threshold,
        "item_id": reason.item_id,
    }
