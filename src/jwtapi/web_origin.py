"""Parses origins and domains as browsers write them (WHATWG URL, RFC 6454 §6.2), and compares sites."""

import difflib
import ipaddress
import re
from urllib.parse import urlsplit

_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]\\%*]+)(?::([0-9]{0,5}))?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_MAX_PORT = 65535

_SCHEMES_WITHOUT_ORIGIN = frozenset({"about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"})
"""Pages of these schemes, if there are any, all have the origin `null`, which identifies none of them."""


def parse_origin(text: str) -> str:
    """Return the origin as a browser sends it: in lower case, in punycode, without the scheme's own port.

    Raises:
        ValueError: no page has such an origin. The message does not repeat the text.
    """
    try:
        return _parse_origin(text)
    except ValueError:
        raise ValueError(
            "must be origins such as https://app.example.com, comma separated; no path, no wildcard"
        ) from None


def parse_domain(text: str) -> str:
    """Return the domain in lower case and in punycode, without a leading dot, which RFC 6265 §5.2.3 ignores.

    Raises:
        ValueError: no cookie can be set for the domain. The message does not repeat the text.
    """
    try:
        domain = _parse_host(text.removeprefix("."))
    except ValueError:
        domain = ""
    if "." not in domain.removesuffix(".") or domain.endswith(".") or is_address(domain):
        raise ValueError("must be a domain such as example.com, that this server is in; no address, no port")
    return domain


def as_browsers_write(origin: str) -> str:
    """Normalise case and the default port, because clients that are not browsers may write them differently."""
    origin = origin.lower()
    return origin.removesuffix(_DEFAULT_PORT.get(origin.partition(":")[0], ""))


def is_web_page(origin: str) -> bool:
    """Return whether a web server sent the page. Otherwise an app or a browser extension contains it."""
    return origin.startswith(("http://", "https://"))


def host_of(origin: str) -> str:
    """Return the host, without the port, of an origin that `parse_origin` returned."""
    return urlsplit(origin).hostname or ""


def is_loopback(host: str) -> bool:
    """Return whether browsers treat the host as this machine (W3C Secure Contexts §3.1)."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


def is_address(host: str) -> bool:
    """Return whether the host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def are_of_two_sites(host: str, other: str) -> bool:
    """Return whether two hosts certainly belong to different sites.

    A site is at least the last two labels of a name. It can be more, according to the public suffix list, which is not
    used here. So False can mean that the answer is unknown.
    """
    return _least_site(host) != _least_site(other)


def _least_site(host: str) -> str:
    return host if is_address(host) else ".".join(host.removesuffix(".").split(".")[-2:])


def _parse_origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError
    scheme, host, port = match[1].lower(), match[2], match[3]
    of_web = scheme in _DEFAULT_PORT
    if scheme in _SCHEMES_WITHOUT_ORIGIN or (
        not of_web and difflib.get_close_matches(scheme, _DEFAULT_PORT)
    ):  # a typing error
        raise ValueError
    if of_web or host != ".":  # Electron has app://.
        host = _parse_host(host)
    if port and int(port) > _MAX_PORT:
        raise ValueError
    return as_browsers_write(f"{scheme}://{host}" + (f":{int(port)}" if port else ""))


def _parse_host(text: str) -> str:
    if text.startswith("["):
        return f"[{ipaddress.IPv6Address(text[1:-1])}]"
    host = text.lower()
    if not host.isascii():
        import idna  # noqa: PLC0415  it takes 1 MB, and most servers never need it

        host = idna.encode(host, uts46=True).decode()
    if not _NAME.fullmatch(host):
        raise ValueError
    if host.removesuffix(".").split(".")[-1].isdigit():  # browsers parse it as an IP address
        return str(ipaddress.IPv4Address(host))
    return host
