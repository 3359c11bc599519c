"""Who is calling: what the log and the events tell of the other side of a request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    address: str | None
    """The network address, behind any trusted proxies; None from the command line."""
    request_id: str | None


COMMAND_LINE = Client(address=None, request_id=None)
