"""What lists of mails show: no address as a whole, and the state in words."""

from datetime import datetime
from typing import Literal, TypeAlias

from jwtapi.storage.mails import QueuedMail

MailState: TypeAlias = Literal["waiting", "sending", "failed"]
"""`failed`: it was given up, and no further attempt follows."""


def state_of(mail: QueuedMail, now: datetime) -> MailState:
    if mail.failed_at is not None:
        return "failed"
    is_being_sent = mail.attempts > 0 and mail.last_error is None and mail.due_at > now
    return "sending" if is_being_sent else "waiting"


def masked(address: str) -> str:
    """Return enough of an address to recognise it: `a…@example.com`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"
