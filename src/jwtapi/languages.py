"""The languages in which people get mails, and which of them a request asks for."""

from functools import lru_cache

DEFAULT = "en"
LANGUAGES = (DEFAULT, "de")

_MAX_LENGTH = 200
"""Characters of the header that are read. Browsers send fewer than 100."""


def best_language(accept_language: str) -> str:
    """Return the language that the header Accept-Language prefers (RFC 9110 §12.5.4), or DEFAULT.

    Regions are ignored: `de-AT` asks for `de`.
    """
    return _best(accept_language[:_MAX_LENGTH]) if accept_language else DEFAULT


@lru_cache(maxsize=256)
def _best(accept_language: str) -> str:
    best, best_quality = DEFAULT, 0.0
    for part in accept_language.split(","):
        tag, _, parameter = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if quality > best_quality and language in LANGUAGES:
            best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1
    try:
        return float(value)
    except ValueError:
        return 0
