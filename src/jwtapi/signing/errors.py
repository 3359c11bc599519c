"""Refusals of the commands that change signing keys. No request gets them."""


class KeyRefused(Exception):
    """The key cannot be changed in this way. The message states why, and what to do."""


class UnknownKey(KeyRefused):
    """There is no such key."""


class KeyExists(KeyRefused):
    """The key is stored already."""
