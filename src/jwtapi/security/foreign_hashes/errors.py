"""Why a hash of another system is refused. No message contains any part of the hash, of its salt or of an option."""


class RefusedHash(Exception):
    """The hash cannot be stored, and no password can be checked against it."""


class UnknownScheme(RefusedHash):
    """The text begins as no hash that is known, or the name of the scheme is not known."""


class Malformed(RefusedHash):
    """The text is not a whole hash of its scheme, or an option that the scheme needs is missing or wrong."""


class CostTooHigh(RefusedHash):
    """One check would take too much time or memory."""


class Unsupported(RefusedHash):
    """This installation has no implementation of the algorithm."""
