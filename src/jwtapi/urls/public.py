"""Reads PUBLIC_URL and ACCOUNT_URL: the addresses at which people reach this server, and an app's own pages."""

import re

from jwtapi.urls.writing import split_url
from jwtapi.web_origin import is_web_page, parse_origin

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def parse_public_url(url: str) -> str:
    """Return the URL with scheme and host as browsers write them, and without a slash at its end.

    Raises:
        ValueError: it is not `https://host/path`. The message does not repeat the URL.
    """
    must = "must be a URL such as https://auth.example.com or https://example.com/auth; no user, no ?, no #"
    try:
        parts = split_url(url)
        origin = parse_origin(f"{parts.scheme}://{parts.netloc}")
    except ValueError:
        raise ValueError(must) from None
    path = parts.path.rstrip("/")
    is_plain = _PATH.fullmatch(path) is not None and {".", ".."}.isdisjoint(path.split("/"))
    if not is_web_page(origin) or parts.query or not is_plain:
        raise ValueError(must)
    return origin + path
