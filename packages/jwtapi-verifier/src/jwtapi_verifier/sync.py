import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from threading import Lock, Thread
from types import TracebackType
from typing import Self, Unpack

from jwtapi_verifier.claims import Claims
from jwtapi_verifier.errors import Unavailable
from jwtapi_verifier.options import VerifierOptions
from jwtapi_verifier.timing import Timing
from jwtapi_verifier.verifier import Verifier


class SyncVerifier:
    """Checks access tokens of a jwtapi in a program with threads. It takes the options of `Verifier`.

    `with SyncVerifier(…) as verifier`, or `verifier.start()` and `verifier.close()`; without these, the first `verify`
    starts it. One background thread makes all requests. A token with a known key is checked in the thread of the
    caller. After a fork the child starts a thread of its own.
    """

    def __init__(self, issuer: str, audience: str, **options: Unpack[VerifierOptions]) -> None:
        """Raise ValueError if an option makes no sense."""
        self._make: Callable[[], Verifier] = lambda: Verifier(issuer, audience, **options)
        self._repr = f"Sync{self._make()!r}"  # made once here, so that a wrong option fails now
        self._handover = (options.get("timing") or Timing()).handover
        self._lock = Lock()
        self._worker: _Worker | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        return self._repr

    def start(self) -> None:
        """Start the background thread, and wait for the first key set, as `Verifier.start` does."""
        self._is_closed = False
        worker = self._started()
        asyncio.run_coroutine_threadsafe(worker.verifier.start(), worker.loop).result(self._handover)

    def close(self) -> None:
        """End the background thread."""
        with self._lock:
            self._is_closed = True
            worker, self._worker = self._worker, None
        if worker is not None and worker.thread.is_alive():
            worker.loop.call_soon_threadsafe(worker.stop.set)
            worker.thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def feed_is_live(self) -> bool:
        """As of `Verifier`."""
        worker = self._worker
        return worker is not None and worker.verifier.feed_is_live

    def verify(self, token: str) -> Claims:
        """Check an access token, as `Verifier.verify` does.

        Raises:
            ExpiredToken: the token was valid, and has expired.
            InvalidToken: the token is not valid.
            Unavailable: this cannot be found out now.
        """
        worker = self._worker
        if worker is None or not worker.thread.is_alive():
            worker = self._started()
        claims = worker.verifier.verify_without_io(token)
        if claims is not None:
            return claims
        verifying = asyncio.run_coroutine_threadsafe(worker.verifier.verify(token), worker.loop)
        try:
            return verifying.result(self._handover)
        except (TimeoutError, CancelledError):
            verifying.cancel()
            raise Unavailable("the background thread of the verifier does not answer") from None

    def _started(self) -> "_Worker":
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the verifier is closed")
            # No thread survives a fork. What it knew does not count either: it may have been writing at that moment.
            if self._worker is None or not self._worker.thread.is_alive():
                self._worker = _start(self._make())
            return self._worker


@dataclass(frozen=True)
class _Worker:
    verifier: Verifier
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: Thread


def _start(verifier: Verifier) -> _Worker:
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        stop = asyncio.Event()
        running.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        await verifier.close()

    thread = Thread(target=lambda: asyncio.run(run()), name="jwtapi-verifier", daemon=True)
    thread.start()
    loop, stop = running.result()
    return _Worker(verifier, loop, stop, thread)
