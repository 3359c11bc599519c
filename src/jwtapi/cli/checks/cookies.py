"""Checks whether pages of CORS_ORIGINS can get the cookies, as far as host names show it."""

from collections.abc import Iterable
from itertools import combinations

from jwtapi.settings import SameSite, Settings
from jwtapi.web_origin import are_of_two_sites, host_of, is_loopback, is_web_page

_ADVICE = "serve all from one site, or set COOKIE_SAMESITE=none"


def warnings_of_cookies(settings: Settings) -> list[str]:
    """Warn of pages that CORS_ORIGINS allows but that get no cookies from a browser, because of COOKIE_SAMESITE."""
    if settings.cookie_samesite is SameSite.NONE:
        return []
    warnings = [
        f"CORS_ORIGINS has {origin}: the pages inside an app are not of the site of any server, so browsers drop "
        "the cookies: let the app use POST /token, or set COOKIE_SAMESITE=none"
        for origin in settings.cors_origins
        if not is_web_page(origin) and not _is_of_extension(origin)
    ]
    # Pages on localhost belong to developers. A server may allow them beside its own site.
    pages = [origin for origin in settings.cors_origins if is_web_page(origin) and not is_loopback(host_of(origin))]
    if settings.public_origin is not None:
        warnings += [
            f"CORS_ORIGINS has {origin}, which is not on the site of PUBLIC_URL: {_ADVICE}"
            for origin in pages
            if are_of_two_sites(host_of(origin), host_of(settings.public_origin))
        ]
    elif settings.cookie_domain is not None:
        warnings += [
            f"CORS_ORIGINS has {origin}, which is not on the site of COOKIE_DOMAIN: {_ADVICE}"
            for origin in pages
            if are_of_two_sites(host_of(origin), settings.cookie_domain)
        ]
    elif (two := _two_sites(pages)) is not None:
        warnings.append(
            f"CORS_ORIGINS has {two[0]} and {two[1]}, two sites, and this server can be on only one of them: {_ADVICE}"
        )
    return warnings


def _two_sites(pages: Iterable[str]) -> tuple[str, str] | None:
    pairs = combinations(pages, 2)
    return next((pair for pair in pairs if are_of_two_sites(host_of(pair[0]), host_of(pair[1]))), None)


def _is_of_extension(origin: str) -> bool:
    """Return whether it is an extension.

    Chromium treats an extension as the same site as each server that it may call.
    """
    return origin.partition("://")[0].endswith("-extension")
