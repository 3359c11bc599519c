"""Counting in this process's memory."""

import itertools
import time
from collections import OrderedDict
from collections.abc import Callable

from limits import RateLimitItem

from jwtapi.rate_limiting.windows import Hit


class MemoryWindows:
    """Counts this process's attempts alone, and forgets them when it ends. No clock that is set reaches it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._windows: OrderedDict[str, tuple[float, dict[str, float]]] = OrderedDict()
        """When each is over, and when its attempts were; what was touched last comes last."""
        self._marks = map(str, itertools.count())

    async def hit(self, limit: RateLimitItem, key: str) -> Hit:
        window, now, period = limit.key_for(key), self._monotonic(), limit.get_expiry()
        self._prune(now)
        _, hits = self._windows.get(window, (now, {}))
        hits = {mark: hit for mark, hit in hits.items() if hit > now - period}
        mark = next(self._marks)
        admitted = len(hits) < limit.amount
        if admitted:
            hits[mark] = now
        self._windows[window] = max(hits.values()) + period, hits
        self._windows.move_to_end(window)
        return Hit(
            admitted=admitted,
            remaining=limit.amount - len(hits),
            wait=min(min(hits.values()) + period - now, period),
            window=window,
            mark=mark,
            place=self,
        )

    async def take_back(self, hit: Hit) -> None:
        _, hits = self._windows.get(hit.window, (0.0, {}))
        hits.pop(str(hit.mark), None)

    async def clear(self, limit: RateLimitItem, key: str) -> None:
        self._windows.pop(limit.key_for(key), None)

    async def close(self) -> None:
        """Nothing is open."""

    def _prune(self, now: float) -> None:
        """A long window holds up the shorter ones behind it, for as long as it lasts itself."""
        while self._windows and next(iter(self._windows.values()))[0] <= now:
            self._windows.popitem(last=False)
