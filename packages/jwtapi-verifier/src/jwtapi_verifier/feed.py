"""Follows the feed of revocations by long polling."""

import asyncio
import logging
from contextlib import suppress
from http import HTTPStatus

from jwtapi_verifier import revocations
from jwtapi_verifier.http_client import HttpClient, Unreachable
from jwtapi_verifier.key_source import KeySource
from jwtapi_verifier.options import Options
from jwtapi_verifier.revocations import Revocations, TooManyEntries, Update
from jwtapi_verifier.service_token import ServiceToken

_MAX_LENGTH = 32 * 1024 * 1024
_LONG = 64 * 1024  # reading a longer answer would make the event loop wait

_log = logging.getLogger(__name__)


class RevocationFeed:
    """`revocations` and `is_live` may be used by any thread, everything else by the event loop's."""

    def __init__(self, options: Options, http: HttpClient, keys: KeySource) -> None:
        self.revocations = Revocations()
        self._url = options.url_of("/revocations")
        self._http = http
        self._keys = keys
        self._service_token = ServiceToken(options, http)
        self._clock = options.clock
        self._timing = options.timing
        self._cursor: str | None = None
        self._answered_at: float | None = None
        self._has_answered = asyncio.Event()
        self._started_at = self._clock.elapsed()

    @property
    def is_live(self) -> bool:
        """Whether all that was revoked until some seconds ago is known."""
        answered_at = self._answered_at
        return (
            answered_at is not None
            and self._clock.elapsed() - answered_at <= self._timing.silence
            and self.revocations.is_complete(self._clock.now())
        )

    @property
    def may_answer_soon(self) -> bool:
        """Whether the first answer is worth waiting for."""
        return not self._has_answered.is_set() and self._clock.elapsed() - self._started_at < self._timing.silence

    async def first_answer(self) -> None:
        """Wait for the first answer, but not long."""
        remaining = self._started_at + self._timing.silence - self._clock.elapsed()
        with suppress(TimeoutError):
            async with asyncio.timeout(remaining):
                await self._has_answered.wait()

    async def follow(self) -> None:
        """Poll again and again, until cancelled."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._poll()
            except (Unreachable, ValueError, TooManyEntries) as error:
                # The first time again immediately: often only the connection was cut.
                if failures == 1:
                    _log.warning("The feed of revocations %s is silent: %s", self._url, error)
                if isinstance(error, TooManyEntries):
                    await asyncio.sleep(self._timing.too_many_entries)
                elif failures:
                    await asyncio.sleep(self._timing.poll_retries.wait(failures))
                failures += 1
            else:
                if failures > 1:
                    _log.info("The feed of revocations %s answers again", self._url)
                failures = 0
                # A burst of revocations comes in few answers.
                await asyncio.sleep(began + self._timing.poll_spacing - loop.time())

    async def _poll(self) -> None:
        if not self.revocations.is_complete(self._clock.now()):
            self._cursor = None
        wait = self._timing.poll if self.is_live else 0  # while it is silent, the state of now matters
        began = self._clock.elapsed()
        update = await self._ask(wait)
        if self._cursor is None and not update.is_reset:
            raise ValueError("the first answer is not complete")
        try:
            self.revocations.apply(update, self._clock.now())
        except TooManyEntries:
            self._cursor = self._answered_at = None
            raise
        self._cursor = update.cursor  # after the entries: a failure between must not lose them
        # An answer states what was true when its request arrived. Perhaps the process was stopped since then.
        answered = self._clock.elapsed()
        if answered - began <= self._timing.silence:
            self._answered_at = answered
            self._has_answered.set()
        if update.entries.keys:
            self._keys.fetch_soon()  # another key signs now

    async def _ask(self, wait: int) -> Update:
        token = await self._service_token.get()
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self._http.send(
            "GET",
            self._url,
            seconds=self._timing.poll_total,
            idle_seconds=self._timing.poll_idle,
            max_length=_MAX_LENGTH,
            headers={"Authorization": f"Bearer {token}"},
            params={"wait": str(wait)} | ({} if self._cursor is None else {"after": self._cursor}),
        )
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            self._service_token.forget()
        if answer.status != HTTPStatus.OK:
            raise Unreachable(f"the answer has the status {answer.status}")
        if len(answer.body) > _LONG:
            return await asyncio.to_thread(revocations.parse, answer.body)
        update = revocations.parse(answer.body)
        if wait and not update.entries and loop.time() - began < self._timing.poll_pace:
            await asyncio.sleep(self._timing.poll_pace)  # the feed does not wait as it should: do not ask in a circle
        return update
