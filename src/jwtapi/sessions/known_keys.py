"""Remembers the keys of sessions, so that a refresh need not read a session before it changes it."""

from uuid import UUID

MAX_KEYS = 10_000
"""About 2 MB. With more sessions, the key that was remembered first is read again."""


class KnownKeys:
    """The key of a session never changes, so there is nothing to invalidate."""

    def __init__(self) -> None:
        self._keys: dict[UUID, bytes] = {}
        self.get = self._keys.get
        """Return the key of a session, or None."""

    def remember(self, session_id: UUID, key: bytes) -> None:
        if session_id not in self._keys and len(self._keys) >= MAX_KEYS:
            self._keys.pop(next(iter(self._keys)), None)
        self._keys[session_id] = key
