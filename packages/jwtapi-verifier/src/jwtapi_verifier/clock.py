import sys
import time
from functools import partial

# On Linux, also count the time in which the machine was suspended.
_elapsed = partial(time.clock_gettime, time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic


class Clock:
    """What time it is. Tests replace it."""

    def now(self) -> float:
        """Return the NumericDate (RFC 7519 §2). It jumps when the system's clock is set."""
        return time.time()

    def elapsed(self) -> float:
        """Return seconds since some moment. They only grow."""
        return _elapsed()
