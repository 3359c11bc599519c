"""Counts attempts in this process's memory."""

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable

from limits import RateLimitItem

from jwtapi.rate_limiting.storage import Attempt


class MemoryStorage:
    """Counts only the attempts on this process, and loses them when it ends. Setting the system clock has no effect."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._windows: OrderedDict[str, tuple[float, dict[str, float]]] = OrderedDict()
        """For each window: when its newest attempt expires, and the time of each attempt. Last used, last in order."""
        self._ids = map(str, itertools.count())

    async def acquire(self, limit: RateLimitItem, window: str) -> Attempt:
        now, period = self._monotonic(), limit.get_expiry()
        self._prune(now)
        _, attempts = self._windows.get(window, (now, {}))
        attempts = {id_: at for id_, at in attempts.items() if at > now - period}
        entry = next(self._ids)
        admitted = len(attempts) < limit.amount
        if admitted:
            attempts[entry] = now
        self._windows[window] = max(attempts.values()) + period, attempts
        self._windows.move_to_end(window)
        return Attempt(
            admitted=admitted,
            remaining=limit.amount - len(attempts),
            wait=min(min(attempts.values()) + period - now, period),
            window=window,
            entry=entry,
            storage=self,
        )

    async def release(self, attempt: Attempt) -> None:
        _, attempts = self._windows.get(attempt.window, (0.0, {}))
        attempts.pop(str(attempt.entry), None)

    async def clear(self, window: str) -> None:
        self._windows.pop(window, None)

    async def close(self) -> None:
        """Does nothing: nothing is open."""

    def _prune(self, now: float) -> None:
        """Remove expired windows from the front. Stop at the first one that has not expired."""
        while self._windows and next(iter(self._windows.values()))[0] <= now:
            self._windows.popitem(last=False)
