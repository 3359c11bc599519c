"""Estimates with zxcvbn how many guesses a password withstands. No password can make the estimate take long.

This file uses private parts of zxcvbn: two variables and some functions of its module `matching`, and one of `scoring`.
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from zxcvbn import matching, scoring

ASSESSED = 40
"""How many code points are assessed, from the start. The time grows with the square of this number."""

_READINGS = tuple(str.maketrans("4@8({[<369!0$57+%2" + "1|", "aabcccceggiossttxz" + one) for one in ("ii", "ll"))
"""The letters that digits and signs stand for. zxcvbn would try all combinations of its own table, up to hundreds."""

_zxcvbn = Lock()  # zxcvbn keeps the words of the user in a variable of its module


def load() -> None:
    """Empty zxcvbn's own table of readings. With it, 72 well-chosen characters took 4 to 15 seconds."""
    matching.L33T_TABLE.clear()


def guesses(password: str, words: tuple[str, ...]) -> int:
    """Estimate how many guesses the first ASSESSED code points of a password withstand.

    `words` are words that an attacker would try first, such as the names of the user and the service.
    """
    start = password[:ASSESSED].replace("\n", " ")  # zxcvbn reads digits before a newline as a date, and fails
    with _zxcvbn:
        matching.RANKED_DICTIONARIES["user_inputs"] = matching.build_ranked_dict(
            [word[:ASSESSED].lower() for word in words]
        )
        matches = matching.omnimatch(start)
        for reading in _READINGS:
            matches += _disguised_words(start, reading)
        return int(scoring.most_guessable_match_sequence(start, matches)["guesses"])


def _disguised_words(password: str, reading: Mapping[int, int]) -> list[dict[str, Any]]:
    """Find disguised words as zxcvbn's `l33t_match` does, but with one reading, and find repeated words too."""
    plain = password.translate(reading)
    if plain == password:
        return []
    matches = []
    for match in matching.dictionary_match(plain) + matching.repeat_match(plain):
        token = password[match["i"] : match["j"] + 1]
        signs = {sign: chr(reading[ord(sign)]) for sign in token if ord(sign) in reading}
        if signs and len(token) > 1:
            matches.append(match | {"token": token, "l33t": True, "sub": signs})
    return matches
