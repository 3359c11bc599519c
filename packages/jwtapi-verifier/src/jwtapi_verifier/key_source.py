"""Fetches the key set, and keeps it fresh."""

import asyncio
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus

from jwtapi_verifier import key_set
from jwtapi_verifier.errors import InvalidToken, Unavailable
from jwtapi_verifier.http_client import Answer, HttpClient, Unreachable
from jwtapi_verifier.key_set import VerificationKey
from jwtapi_verifier.options import Options

_MAX_LENGTH = 256 * 1024
_DEFAULT_MAX_AGE = 300
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})", re.IGNORECASE)
MAX_ABSENT = 1000

_log = logging.getLogger(__name__)


class KeySource:
    """The keys of the issuer. `get` may be called by any thread, everything else by the event loop's."""

    def __init__(self, options: Options, http: HttpClient) -> None:
        self._url = options.key_set_url
        self._http = http
        self._clock = options.clock
        self._timing = options.timing
        self._cooldown = options.cooldown
        self._max_stale = options.max_stale
        self._keys: Mapping[str, VerificationKey] = {}  # replaced as a whole
        self._fetched_at: float | None = None
        self._refresh_after = 0.0
        self._is_failing = False
        self._fetching: asyncio.Task[bool] | None = None
        self._is_outdated = asyncio.Event()
        self._no_search_before = -float("inf")
        self._absent: dict[str, float] = {}  # kids that the key set did not have, and until when they are remembered

    def get(self, kid: str) -> VerificationKey | None:
        """Return a key that is known, and not too old."""
        return self._keys.get(kid) if self._is_fresh() else None

    async def find(self, kid: str) -> VerificationKey:
        """Return the key of a kid for which `get` returned None.

        Raises:
            InvalidToken: the issuer has no such key.
            Unavailable: the key set could not be fetched.
        """
        if not self._is_fresh():
            # After a failure the background fetches again: callers must not make it more frequent.
            if self._is_failing and self._fetching is None:
                raise Unavailable("the key set could not be fetched")
            await self.fetch()
            if not self._is_fresh():
                raise Unavailable("the key set could not be fetched")
        return self.get(kid) or await self._search(kid)

    async def _search(self, kid: str) -> VerificationKey:
        if self._absent.get(kid, 0) > self._clock.elapsed():
            raise InvalidToken("unknown_key")
        is_fetched = not self._is_failing
        if self._fetching is not None:
            # It began before now, so it may have read the key set before the key was in it.
            is_fetched = await self.fetch()
        now = self._clock.elapsed()
        is_own = kid not in self._keys and self._fetching is None and now >= self._no_search_before
        if is_own:
            self._no_search_before = now + self._cooldown
        if is_own or self._fetching is not None:
            is_fetched = await self.fetch()
        key = self.get(kid)
        if key is not None:
            return key
        if not is_fetched:
            raise Unavailable("the token has an unknown key, and the key set could not be fetched")
        if is_own:
            self._remember_absent(kid)
        raise InvalidToken("unknown_key")

    def _remember_absent(self, kid: str) -> None:
        if len(self._absent) >= MAX_ABSENT:
            del self._absent[next(iter(self._absent))]
        self._absent[kid] = self._clock.elapsed() + self._timing.unknown_kid

    def _is_fresh(self) -> bool:
        return self._fetched_at is not None and self._clock.elapsed() - self._fetched_at <= self._max_stale

    async def follow(self) -> None:
        """Fetch the key set again and again, until cancelled."""
        failures = 0
        while True:
            failures = 0 if await self.fetch() else failures + 1
            wait = self._timing.fetch_retries.wait(failures) if failures else self._refresh_after
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._is_outdated.wait()
            self._is_outdated.clear()

    def fetch_soon(self) -> None:
        """Fetch the key set in the background, because it has changed."""
        self._is_outdated.set()

    async def fetch(self) -> bool:
        """Fetch the key set now, or wait for the fetch that is running. Return whether it succeeded."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetch_ended)
        fetching = self._fetching
        await asyncio.wait([fetching])  # a caller that is cancelled does not cancel the fetch of the others
        return not fetching.cancelled() and fetching.result()

    def _fetch_ended(self, _: asyncio.Task[bool]) -> None:
        self._fetching = None

    async def _fetch(self) -> bool:
        try:
            answer = await self._request()
            self._keys = key_set.parse(answer.body)
        except (Unreachable, ValueError) as error:
            if not self._is_failing:
                _log.warning("The key set %s could not be fetched: %s", self._url, error)
            self._is_failing = True
            return False
        if self._is_failing:
            _log.info("The key set %s is fetched again", self._url)
        self._is_failing = False
        self._fetched_at = self._clock.elapsed()
        self._refresh_after = self._half_of_max_age(answer)
        return True

    async def _request(self) -> Answer:
        answer = await self._http.send("GET", self._url, seconds=self._timing.fetch, max_length=_MAX_LENGTH)
        if answer.status != HTTPStatus.OK:
            raise Unreachable(f"the answer has the status {answer.status}")
        return answer

    def _half_of_max_age(self, answer: Answer) -> float:
        stated = _MAX_AGE.search(answer.headers.get("Cache-Control", ""))
        max_age = int(stated[1]) if stated else _DEFAULT_MAX_AGE
        return max(self._timing.refresh_at_least, min(max_age / 2, self._timing.refresh_at_most))

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
