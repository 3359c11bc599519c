"""Decides what a refresh token is worth, by its generation and the row of its session."""

from datetime import datetime, timedelta
from enum import Enum, auto

from jwtapi.storage.sessions import Session

GRACE = timedelta(seconds=10)
"""How long a replaced refresh token still gets the present one, because several tabs may refresh simultaneously. A
longer grace would help thieves."""

_CLOCK_SKEW = timedelta(seconds=2)
"""How far the clocks of two servers may differ. A greater difference means that a clock was set back: no grace then."""


class Worth(Enum):
    NEXT = auto()
    """It is the current token: the session moves on, and the client gets the next one."""
    PRESENT = auto()
    """The client gets the present token."""
    PRESENT_LATE = auto()
    """The client gets the present token, if the row still allows it when the late reissue is recorded."""
    REUSED = auto()
    """Two clients use tokens of the same session, so one of them is a thief."""


def worth_of(generation: int, session: Session, now: datetime) -> Worth:
    """Return what the token of `generation` is worth in a session that is alive.

    The answer to a refresh can be lost. So the old token gets the same successor again, even late, until a token of the
    successor's generation has been used. If only other services check the access tokens, we never see such a use. So
    two successive generations are never reissued late, because a client that needs both may be a thief.
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
