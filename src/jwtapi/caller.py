"""The other side of a request, as the log, the events and the sessions record it."""

from dataclasses import dataclass
from uuid import UUID

MAX_USER_AGENT = 256


@dataclass(frozen=True, slots=True)
class Caller:
    address: str | None
    """The network address, behind any trusted proxies; None for the command line."""
    request_id: str | None
    user_agent: str | None = None
    """What the program calls itself, at most MAX_USER_AGENT characters."""
    actor_id: UUID | None = None
    """The user who acts on somebody else, such as an administrator; None for the user and for the command line."""
    key_id: UUID | None = None
    """The API key by which the request acts; None for a session and for the command line."""
    language: str = "en"
    """The language in which mails that the request causes are written: one of `jwtapi.languages`."""


COMMAND_LINE = Caller(address=None, request_id=None)
