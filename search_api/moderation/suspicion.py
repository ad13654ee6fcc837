"""How suspicious a picture is to each check of a policy, whatever the thresholds: what curves are drawn of."""

from search_api.moderation.checks import Findings, counted_garments
from search_api.moderation.policy import Policy


def suspicions_of(policy: Policy, found: Findings) -> dict[str, float]:
    """Return what each check that a policy makes measures of a picture, by the check's name: more is more suspicious.

    Numbers of one check can be compared among pictures, those of different checks can't.
    """
    told: dict[str, float] = {}
    if policy.blocklist.catalogue is not None:
        match = found.blocklist
        told["blocklist"] = 1 + match.evidence if match.original is not None else match.cosine
    if policy.other_things.verdict != "off":
        known = found.known_class if policy.other_things.classes_only else found.known_garment
        told["other things"] = -1.0 if found.top > policy.other_things.top else -known
    if policy.several_garments.verdict != "off":
        told["several garments"] = counted_garments(policy, found)
    if policy.small.verdict != "off":
        told["small"] = -min(found.size)
    if policy.dark.verdict != "off":
        told["dark"] = -found.brightest
    if policy.bright.verdict != "off":
        told["bright"] = found.darkest
    if policy.blank.verdict != "off":
        told["blank"] = float(found.is_blank)
    if policy.banner.verdict != "off":
        told["banner"] = 0.0 if found.banner is None else found.banner.height
    if policy.writing.verdict != "off":
        told["writing"] = 0.0 if found.writing is None else found.writing.height
    if found.nudity is not None:
        told["nudity"] = found.nudity
    for unwanted in policy.classes:
        shown = [one.best_class.probability for one in found.garments if one.best_class.value in unwanted.values]
        told[" or ".join(unwanted.values)] = max(shown, default=0.0)
    return told
