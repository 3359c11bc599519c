"""Whether pages of CORS_ORIGINS can have the cookies, as far as names tell."""

from collections.abc import Iterable
from itertools import combinations

from jwtapi.settings import SameSite, Settings
from jwtapi.web_origin import are_of_two_sites, host_of, is_loopback, is_web_page

_ADVICE = "serve all from one site, or set COOKIE_SAMESITE=none"


def warnings_of_cookies(settings: Settings) -> list[str]:
    """Which pages this server lets in and no browser gives the cookies of COOKIE_SAMESITE."""
    if settings.cookie_samesite is SameSite.NONE:
        return []
    warnings = [
        f"CORS_ORIGINS has {origin}: what an app brings along is of no server's site, so that browsers drop the "
        "cookies: let it use POST /token, or set COOKIE_SAMESITE=none"
        for origin in settings.cors_origins
        if not is_web_page(origin) and not _is_of_extension(origin)
    ]
    # localhost is where developers are, of whom a server may have several beside its own site.
    pages = [origin for origin in settings.cors_origins if is_web_page(origin) and not is_loopback(host_of(origin))]
    if settings.cookie_domain is not None:
        warnings += [
            f"CORS_ORIGINS has {origin}, which is not of the site of COOKIE_DOMAIN: {_ADVICE}"
            for origin in pages
            if are_of_two_sites(host_of(origin), settings.cookie_domain)
        ]
    elif (two := _two_sites(pages)) is not None:
        warnings.append(f"CORS_ORIGINS has {two[0]} and {two[1]}, and this server is of one of their sites: {_ADVICE}")
    return warnings


def _two_sites(pages: Iterable[str]) -> tuple[str, str] | None:
    pairs = combinations(pages, 2)
    return next((pair for pair in pairs if are_of_two_sites(host_of(pair[0]), host_of(pair[1]))), None)


def _is_of_extension(origin: str) -> bool:
    """Chromium takes an extension for the site of each server that its user let it ask."""
    return origin.partition("://")[0].endswith("-extension")
