"""Splits URLs strictly. If a driver misread a URL, it might look up a part of the password as a host, or print it."""

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

MAX_PORT = 65535

NOT_ESCAPED = (
    "has a character that must be escaped in a URL: "
    "in user and password write @ as %40, / as %2F, ? as %3F, # as %23, [ as %5B, % as %25, a space as %20"
)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")


def split_url(url: str) -> SplitResult:
    """Split a URL that all parsers split in the same way.

    Raises:
        ValueError: the URL is invalid, or parsers may differ. The message does not repeat the URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # such as for a single [
        raise ValueError(NOT_ESCAPED) from None
    is_ambiguous = parts.netloc.count("@") > 1 or "@" in parts.path + parts.query or "#" in url
    if is_ambiguous or _BAD_PERCENT.search(url) or _SPACE.search(url):
        raise ValueError(NOT_ESCAPED)
    return parts


def check_host(host: str) -> None:
    """Check `host`, `host:port` or `[address]:port`, the port from 1 to MAX_PORT.

    Raises:
        ValueError: the text is none of these. The message does not repeat it.
    """
    match = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::(.*))?", host)
    if match is None:
        raise ValueError("has no valid host; an IPv6 address is written as [::1]")
    if match[1] is not None:
        check_port(match[1])


def check_port(port: str) -> None:
    """Check that the text is a number from 1 to MAX_PORT.

    Raises:
        ValueError: it is not. The message does not repeat the text.
    """
    if re.fullmatch(r"[0-9]{1,5}", port) is None or not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"has a port that is no number from 1 to {MAX_PORT}")


def parameters_of(parts: SplitResult) -> dict[str, str]:
    """Return the parameters after the question mark. If a name occurs twice, its last value counts.

    Raises:
        ValueError: the parameters are not `name=value&name=value`. The message does not repeat them.
    """
    try:
        return dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ValueError("has parameters that are not written as ?name=value&name=value") from None
