"""Caches API keys in this process, while the change feed is sure to deliver every change.

The rules are those of `sessions/cache.py`. A key is found by its hash, so that the memory has no key in plain text.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from jwtapi.api_keys.uses import EXACTNESS
from jwtapi.errors import StorageUnavailable
from jwtapi.principal import Principal
from jwtapi.security.api_keys import SentKey, is_right
from jwtapi.storage.api_keys import OwnedKey
from jwtapi.storage.change_feed import ChangeFeed
from jwtapi.storage.database import Database
from jwtapi.storage.engine import WAIT_SECONDS
from jwtapi.storage.events import Event, Invalidates, invalidated_by

MAX_KEYS = 10_000
"""About 10 MB. With more keys, the one that was read first is read again at its next request."""

MAX_ANSWERS = 1_000
"""Keys that have ready answers, about 1 KB each."""

MAX_READS = 2
"""Keys that are read at the same time. Whoever makes up keys must not take the connections of others."""

_UNREAD = datetime.min.replace(tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
_DROPPING = frozenset((Invalidates.API_KEYS, Invalidates.USER, Invalidates.ALL))


class CachedKey:
    """What a key allows, with its ready answers. Both are dropped together."""

    __slots__ = ("answers", "expires_at", "is_valid", "principal", "secret_hash", "use_is_due_at")

    def __init__(self, *, is_valid: bool) -> None:
        self.principal: Principal | None = None
        """None if there is no such key, if its owner is disabled or deleted, or if nothing was read yet."""
        self.expires_at = _UNREAD
        self.use_is_due_at = _UNREAD
        """From when on the next use is to be recorded."""
        self.secret_hash: bytes | None = None
        self.is_valid = is_valid
        """Becomes False, permanently, when the key may have changed. False from the start without a live feed."""
        self.answers: dict[Hashable, Any] = {}
        """The ready answers to this principal, by endpoint."""


def principal_of(found: OwnedKey) -> Principal:
    """Return what the key allows now. Roles that its owner has lost since it was made are not among them."""
    key = found.key
    return Principal(
        user_id=key.user_id,
        username=found.username,
        roles=tuple(role for role in found.roles if key.roles is None or role in key.roles),
        session_id=None,
        amr=(),
        auth_time=0,
        key_id=key.id,
    )


class ApiKeyCache:
    def __init__(self, database: Database, feed: ChangeFeed, *, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._database = database
        self.is_live = feed.is_live
        """Return whether valid entries can be relied on: changes of the last seconds would have arrived."""
        self._keys: OrderedDict[UUID, CachedKey] = OrderedDict()
        self._by_hash: dict[bytes, CachedKey] = {}
        self._answered: OrderedDict[CachedKey, None] = OrderedDict()
        self._reads = asyncio.Semaphore(MAX_READS)
        self.by_hash = self._by_hash.get
        """Return the CachedKey of the hash of a key, or None."""
        feed.subscribe(
            lambda type_: type_.invalidates in _DROPPING,
            on_events=self._invalidate,
            on_gap=self._invalidate_all,
        )
        # A change that this process makes holds from its next request on, before it arrives through the feed.
        database.subscribe(self._invalidate)

    async def find(self, sent: SentKey) -> CachedKey | None:
        """Return what the key allows, or None if it is not the right one. It may have expired.

        Reads the database if nothing is cached, and always while the feed is not live.

        Raises:
            StorageUnavailable: the database does not respond, or too many keys are being read.
        """
        cached = self._known(sent.id)
        if cached is None:
            await self._wait_for_a_read()
            try:
                # Another request may have read the key while this one waited.
                cached = self._known(sent.id) or await self._find(sent.id)
            finally:
                self._reads.release()
        return cached if is_right(sent, cached.secret_hash) and cached.principal is not None else None

    async def _wait_for_a_read(self) -> None:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._reads.acquire()
        except TimeoutError:
            raise StorageUnavailable from None

    def _known(self, key_id: UUID) -> CachedKey | None:
        cached = self._keys.get(key_id)
        return cached if cached is not None and cached.principal is not None and self.is_live() else None

    async def _find(self, key_id: UUID) -> CachedKey:
        if not self.is_live():
            return await self._read(CachedKey(is_valid=False), key_id)
        # Insert the entry before reading the row. If a change arrives while we read, it invalidates the entry, so that
        # the outdated row is never cached.
        cached = self._keys.get(key_id)
        if cached is None:
            cached = self._keys[key_id] = CachedKey(is_valid=True)
        try:
            return await self._read(cached, key_id)
        finally:
            # Also if the read failed. Only a real key takes the place of another one.
            if cached.principal is None:
                self._drop(key_id)
            elif cached.is_valid and cached.secret_hash is not None:
                self._by_hash[cached.secret_hash] = cached
                if len(self._by_hash) > self._max_keys:
                    self._drop(next(iter(self._keys)))

    async def _read(self, cached: CachedKey, key_id: UUID) -> CachedKey:
        found = await self._database.read(lambda uow: uow.api_keys.with_owner(key_id))
        if found is None or found.disabled_at is not None:
            cached.principal = None
        else:
            key = found.key
            cached.principal, cached.secret_hash = principal_of(found), key.secret_hash
            cached.expires_at = key.expires_at or NEVER
            cached.use_is_due_at = key.last_used_at + EXACTNESS if key.last_used_at is not None else _UNREAD
        return cached

    def remember_answer(self, key: CachedKey, endpoint: Hashable, answer: Any) -> None:
        """Keep a ready answer, for as long as the key's entry is valid."""
        if not key.is_valid:
            return
        key.answers[endpoint] = answer
        self._answered[key] = None
        if len(self._answered) > MAX_ANSWERS:
            self._answered.popitem(last=False)[0].answers.clear()

    def _invalidate(self, events: Iterable[Event]) -> None:
        for event in events:
            if (invalidated := invalidated_by(event)) in _DROPPING:
                if invalidated is Invalidates.ALL or event.user_id is None:
                    self._invalidate_all()
                else:
                    self._drop_user(event.user_id)

    def _drop(self, key_id: UUID) -> None:
        if (key := self._keys.pop(key_id, None)) is not None:
            key.is_valid = False
            if key.secret_hash is not None:
                self._by_hash.pop(key.secret_hash, None)
            key.answers.clear()
            self._answered.pop(key, None)

    def _drop_user(self, user_id: UUID) -> None:
        # This is rare, and takes a few milliseconds. An entry that is still being filled may be of this user.
        for key_id, key in list(self._keys.items()):
            if key.principal is None or key.principal.user_id == user_id:
                self._drop(key_id)

    def _invalidate_all(self) -> None:
        for key_id in list(self._keys):
            self._drop(key_id)
