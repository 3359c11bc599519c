"""Finds names of mixed scripts. In a Latin name, a Cyrillic letter can look like another Latin letter (UTS 39)."""

from functools import cache

import regex

# UAX 31, table 5: scripts in everyday use. All other scripts, such as Cherokee and N'Ko, count as one.
_SCRIPTS = (
    *("Arabic", "Armenian", "Bengali", "Bopomofo", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek"),
    *("Gujarati", "Gurmukhi", "Han", "Hangul", "Hebrew", "Hiragana", "Kannada", "Katakana", "Khmer", "Lao", "Latin"),
    *("Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thaana", "Thai", "Tibetan"),
)
# UTS 39 §5.2, "highly restrictive".
_MIXES = (("Latin", "Han", "Hiragana", "Katakana"), ("Latin", "Han", "Bopomofo"), ("Latin", "Han", "Hangul"))


def mixes_scripts(name: str) -> bool:
    """Return whether `name` mixes more scripts than the level "highly restrictive" of UTS 39 §5.2 allows."""
    return _unmixed().fullmatch(name) is None


@cache
def _unmixed() -> regex.Pattern[str]:
    """Compile the pattern at its first use, because that takes about 20 ms."""
    allowed = [*_MIXES, *((script,) for script in _SCRIPTS)]
    alternatives = [f"[{_of(scripts)}{_of(('Common', 'Inherited'))}]+" for scripts in allowed]
    return regex.compile("|".join([*alternatives, f"[^{_of(_SCRIPTS)}]+"]))


def _of(scripts: tuple[str, ...]) -> str:
    """Match the characters of these scripts. Some belong to several: ー is Hiragana and Katakana (UAX 24)."""
    return "".join(rf"\p{{Script_Extensions={script}}}" for script in scripts)
