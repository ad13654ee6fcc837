"""What is wrong with a request that may not be answered, or with what says who may ask."""

from models.errors import LookalikeError


class KeyRequired(LookalikeError):
    """A request without a key, where one is needed."""

    code = "key-required"


class UnknownKey(LookalikeError):
    """A key that the server does not know, or no longer."""

    code = "unknown-key"


class ScopeMissing(LookalikeError):
    """A key that does not allow what is asked for."""

    code = "scope-missing"


class ForeignWrite(LookalikeError):
    """A write without a key that does not come from the server's own machine."""

    code = "foreign-write"


class UntrustedHost(LookalikeError):
    """A request for a host that is none of the server's."""

    code = "untrusted-host"


class KeysUnreadable(LookalikeError):
    """The file of keys is missing, can't be read, or makes no sense."""

    code = "keys-unreadable"


class KeysNotWritable(LookalikeError):
    """The file of keys can't be written, or somebody else is writing it."""

    code = "keys-not-writable"


class InvalidKey(LookalikeError):
    """A name that a key can't have, a scope that there is not."""

    code = "invalid-key"


class NoSuchKey(LookalikeError):
    """No key of a file has that name or id."""

    code = "no-such-key"


class InvalidRate(LookalikeError):
    """What is given as a limit is none."""

    code = "invalid-rate"


class InvalidOrigin(LookalikeError):
    """What is given as an origin, a host or a public address is none."""

    code = "invalid-origin"


class NotToBeExposed(LookalikeError):
    """A server that others could reach, of which nothing says who may ask."""

    code = "not-to-be-exposed"
