"""Keeps mail programs from making links of text that somebody else chose."""

import unicodedata

_SEPARATORS = frozenset("./:@")


def unlinked(text: str) -> str:
    """Return the text with word joiners, so that `example.com/win` does not become a link.

    A stranger may have chosen a user name, and this server sends it to the address of somebody else. User names may
    have wide letters, and programs that find links read a wide dot as a dot.
    """
    return "".join(f"{letter}\u2060" if _separates(letter) else letter for letter in text[:-1]) + text[-1:]


def _separates(letter: str) -> bool:
    return not _SEPARATORS.isdisjoint(unicodedata.normalize("NFKC", letter))
