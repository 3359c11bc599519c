"""What a refresh token is worth, decided by its generation and the row of its session."""

from datetime import datetime, timedelta
from enum import Enum, auto

from jwtapi.storage.sessions import Session

GRACE = timedelta(seconds=10)
"""How long a refresh token that is no longer the current one still gets the present one: several tabs refresh at once.
A longer grace helps thieves."""

_CLOCK_SKEW = timedelta(seconds=2)
"""How far the clocks of two servers may differ. Beyond it a clock was set back, and no grace holds."""


class Worth(Enum):
    NEXT = auto()
    """It is the current token: the session moves on, and the client gets the next one."""
    PRESENT = auto()
    """The client gets the present token."""
    PRESENT_LATE = auto()
    """The client gets the present token, if the row still allows it when that is written down."""
    REUSED = auto()
    """Two clients have the tokens of one session, and one of them is a thief."""


def worth_of(generation: int, session: Session, now: datetime) -> Worth:
    """Say what the token of `generation` is worth in a session that is alive.

    The answer to a refresh can be lost. So the predecessor gets the same successor, however late, until a token of the
    successor's generation has been used. Where other services check access tokens, such a use is never seen. So two
    generations in a row are never handed out late: by the second one somebody follows the session.
    """
    age = session.generation - generation
    if age == 0:
        return Worth.NEXT
    replaced_at = {1: session.refreshed_at, 2: session.previously_refreshed_at}.get(age)
    if replaced_at is not None and -_CLOCK_SKEW <= now - replaced_at <= GRACE:
        return Worth.PRESENT
    has_arrived = session.arrived_generation >= session.generation
    was_late_before = session.late_generation == session.generation - 1
    return Worth.PRESENT_LATE if age == 1 and not has_arrived and not was_late_before else Worth.REUSED
