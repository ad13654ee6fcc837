"""What can go wrong with a question or with the server, each with a sentence that tells what to do."""

from models.errors import LookalikeError


class KOutOfRange(LookalikeError):
    """The number of items asked for is not between 1 and the limit."""

    code = "k-out-of-range"


class LookOutOfRange(LookalikeError):
    """The share of the look in the comparison is not between 0 and 1."""

    code = "look-out-of-range"


class LookNotAvailable(LookalikeError):
    """The model's vectors don't tell the look of an item from its kind."""

    code = "look-not-available"


class LimitOutOfRange(LookalikeError):
    """The number of items asked for a strip is not between 1 and the limit."""

    code = "limit-out-of-range"


class OpinionOutOfRange(LookalikeError):
    """The weight of a like or a dislike is out of range."""

    code = "opinion-out-of-range"


class ContradictoryOpinion(LookalikeError):
    """The same is both liked and disliked."""

    code = "contradictory-opinion"


class TooManyOpinions(LookalikeError):
    """More likes, dislikes, items seen or strips than are answered at once, or no strip at all."""

    code = "too-many-opinions"


class TooManyQuestions(LookalikeError):
    """More questions than are answered together, or none."""

    code = "too-many-questions"


class OptionOutOfRange(LookalikeError):
    """A number that an option of a search is given is outside its bounds."""

    code = "option-out-of-range"


class OptionsConflict(LookalikeError):
    """Two options of a search that say the same, or one without the other that it belongs to."""

    code = "options-conflict"


class StaleCursor(LookalikeError):
    """A cursor of a state of the catalogue that has passed: its pages can't be gone on with."""

    code = "stale-cursor"


class NothingInCommon(LookalikeError):
    """Items that are opposites of each other, so that nothing is like all of them together."""

    code = "nothing-in-common"


class PageOutOfRange(LookalikeError):
    """The offset or the limit of a listing is out of range."""

    code = "page-out-of-range"


class InvalidCursor(LookalikeError):
    """A cursor that no answer gave, or that belongs to another question."""

    code = "invalid-cursor"


class Busy(LookalikeError):
    """As many pictures as the machine can hold are being read already."""

    code = "busy"


class BadRequest(LookalikeError):
    """A request that does not say what it wants in the way the API describes."""

    code = "bad-request"


class UnknownField(BadRequest):
    """A field or query parameter that does not exist."""

    code = "unknown-field"


class InvalidField(BadRequest):
    """A field given twice, or holding a value of the wrong kind."""

    code = "invalid-field"


class NoQuery(BadRequest):
    """Neither a picture nor an item was given to search with."""

    code = "no-query"


class SeveralQueries(BadRequest):
    """More than one thing was given to search with."""

    code = "several-queries"


class UnsupportedContentType(LookalikeError):
    """The body's content type is none of those that are accepted."""

    code = "unsupported-content-type"


class InvalidItem(LookalikeError):
    """What was to be written can't be an item: its id or its attributes are not what such may be."""

    code = "invalid-item"


class NoPicture(LookalikeError):
    """An item that is not there yet was to be written without a picture."""

    code = "no-picture"


class NoTimeLeft(LookalikeError):
    """One of many changes was not begun, because those before it took all the time there is for a request."""

    code = "no-time-left"


class TooManyLines(LookalikeError):
    """More changes in one request than are taken at once."""

    code = "too-many-lines"


class NothingWritten(LookalikeError):
    """The catalogue can't be written to at the moment, or not by this server. It can be read."""

    code = "nothing-written"


class KeyReused(LookalikeError):
    """An idempotency key that belongs to another request."""

    code = "idempotency-key-reused"


class StillUnderWay(LookalikeError):
    """The first request with an idempotency key has not been answered yet."""

    code = "request-under-way"


class AddressInUse(LookalikeError):
    """Another program listens on that port already."""

    code = "address-in-use"


class AddressNotAllowed(LookalikeError):
    """The system does not let this user listen on that port."""

    code = "address-not-allowed"


class InvalidAddress(LookalikeError):
    """A host that is not an address of this machine, or a port that is not one."""

    code = "invalid-address"


class InvalidPrefix(LookalikeError):
    """What is given as the prefix of paths is none."""

    code = "invalid-prefix"


class ServerFailed(LookalikeError):
    """A server process could not start, or can't go on."""

    code = "server-failed"


class LogNotWritable(LookalikeError):
    """The access log can't be opened for writing."""

    code = "log-not-writable"


class PolicyMissing(LookalikeError):
    """There is no policy at a path, or it can't be read."""

    code = "policy-missing"


class InvalidPolicy(LookalikeError):
    """A policy that does not say what is to be moderated in the way policies do."""

    code = "invalid-policy"


class UnknownPolicyKey(InvalidPolicy):
    """A policy names a section or a key that does not exist."""

    code = "unknown-policy-key"


class InvalidPolicyValue(InvalidPolicy):
    """A key of a policy has a value that it can't have, or lacks one that it must have."""

    code = "invalid-policy-value"


class PolicyNeedsPackage(InvalidPolicy):
    """A policy asks for a check that takes a package that is not installed."""

    code = "policy-needs-package"
