"""How a URL with a password in it is written. What a driver reads wrongly, it may look up as a host, or print."""

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

MAX_PORT = 65535

WRITTEN_WRONGLY = (
    "has a character that must be escaped in a URL: "
    "in user and password write @ as %40, / as %2F, ? as %3F, # as %23, [ as %5B, % as %25, a space as %20"
)
_WRONG_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")


def split_url(url: str) -> SplitResult:
    """Take a URL apart that every reader takes apart in the same way.

    Raises:
        ValueError: it can be read in two ways, or in none; the message does not repeat it.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # [
        raise ValueError(WRITTEN_WRONGLY) from None
    is_ambiguous = parts.netloc.count("@") > 1 or "@" in parts.path + parts.query or "#" in url
    if is_ambiguous or _WRONG_PERCENT.search(url) or _SPACE.search(url):
        raise ValueError(WRITTEN_WRONGLY)
    return parts


def check_host(host: str) -> None:
    """Check `host`, `host:port` or `[address]:port`, the port from 1 to MAX_PORT.

    Raises:
        ValueError: it is none of these; the message does not repeat it.
    """
    match = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(.*))?", host)
    if match is None:
        raise ValueError("has no valid host; an IPv6 address is written as [::1]")
    if match[1] is not None:
        check_port(match[1])


def check_port(port: str) -> None:
    """Check that it is a number from 1 to MAX_PORT.

    Raises:
        ValueError: it is not; the message does not repeat it.
    """
    if re.fullmatch(r"[0-9]{1,5}", port) is None or not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"has a port that is no number from 1 to {MAX_PORT}")


def parameters_of(parts: SplitResult) -> dict[str, str]:
    """Return what stands behind the question mark; of a name that comes twice the last counts.

    Raises:
        ValueError: it is not `name=value&name=value`; the message does not repeat it.
    """
    try:
        return dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError("has parameters that are not written as ?name=value&name=value") from None
