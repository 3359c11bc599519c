from collections.abc import Callable

from jwtapi_verifier import Verifier
from jwtapi_verifier.clock import Clock

MakeVerifier = Callable[..., Verifier]


class FakeClock(Clock):
    """The real time of the start, until a test advances it."""

    def __init__(self) -> None:
        self._now = super().now()
        self._elapsed = super().elapsed()

    def now(self) -> float:
        return self._now

    def elapsed(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        self._now += seconds
        self._elapsed += seconds

    def set_back(self, seconds: float) -> None:
        """Set the system's clock back. Time goes on nevertheless."""
        self._now -= seconds
