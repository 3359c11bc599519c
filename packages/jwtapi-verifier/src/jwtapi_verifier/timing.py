from dataclasses import dataclass


@dataclass(frozen=True)
class Retries:
    """Seconds before the first repetition, and at most; each wait is twice as long as the one before."""

    first: float
    longest: float

    def wait(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row, at least one."""
        return min(self.first * 2.0 ** min(failures - 1, 30), self.longest)


@dataclass(frozen=True)
class Timing:
    """Seconds that no option changes. Tests shorten them."""

    fetch: float = 5
    """For the whole key set."""
    refresh_at_least: float = 60
    refresh_at_most: float = 3600
    fetch_retries: Retries = Retries(1, 60)

    poll: int = 2
    """How long the feed may wait for something new."""
    poll_idle: float = 5
    """How long the feed may send nothing."""
    poll_total: float = 30
    """For a whole answer of the feed, which may be long after a restart."""
    poll_spacing: float = 0.05
    """From one poll to the next."""
    poll_pace: float = 0.25
    """Between two polls, if the feed does not wait."""
    poll_retries: Retries = Retries(0.25, 5)
    too_many_entries: float = 60
    """Before the next answer with all revocations, if there were too many."""
    silence: float = 5
    """After so long without an answer the feed is silent; verifying waits so long for the first answer."""

    ask: float = 2
    unknown_kid: float = 300
    """How long a kid that the key set did not have is remembered."""
    handover: float = 30
    """How long a thread waits for the background thread. Everything that this one does has shorter limits."""
