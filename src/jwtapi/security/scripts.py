"""Tells names of mixed scripts: among Latin letters a Cyrillic one looks like another Latin one (UTS 39)."""

from functools import cache

import regex

# UAX 31, table 5: scripts in everyday use. The rest, which are Cherokee, N'Ko and the like, count as one.
_SCRIPTS = (
    *("Arabic", "Armenian", "Bengali", "Bopomofo", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek"),
    *("Gujarati", "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin"),
    *("Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan"),
)
# UTS 39 §5.2, "highly restrictive".
_MIXES = (("Latin", "Han", "Hiragana", "Katakana"), ("Latin", "Han", "Bopomofo"), ("Latin", "Han", "Hangul"))


def mixes_scripts(name: str) -> bool:
    """Tell whether `name` goes beyond the restriction level "highly restrictive" of UTS 39 §5.2."""
    return _unmixed().fullmatch(name) is None


@cache
def _unmixed() -> regex.Pattern[str]:
    """Compiled at the first use, which takes some 20 ms."""
    allowed = [*_MIXES, *((script,) for script in _SCRIPTS)]
    alternatives = [f"[{_of(scripts)}{_of(('Common', 'Inherited'))}]+" for scripts in allowed]
    return regex.compile("|".join([*alternatives, f"[^{_of(_SCRIPTS)}]+"]))


def _of(scripts: tuple[str, ...]) -> str:
    """What is written in these scripts, be it in others too, as the mark ー of Hiragana and Katakana (UAX 24)."""
    return "".join(rf"\p{{Script_Extensions={script}}}" for script in scripts)
