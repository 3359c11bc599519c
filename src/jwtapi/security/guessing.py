"""How many guesses a password withstands, by zxcvbn, in a time that whoever chooses the password cannot stretch.

This file leans on the inside of zxcvbn: two variables of its module `matching`, functions of it, and one of `scoring`.
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from zxcvbn import matching, scoring

ASSESSED = 40
"""Code points that are looked at, from the start: the time grows with their square."""

_READINGS = tuple(str.maketrans("4@8({[<369!0$57+%2" + "1|", "aabcccceggiossttxz" + one) for one in ("ii", "ll"))
"""Which letters digits and signs stand for. zxcvbn tries every reading of its own table, hundreds at worst."""

_zxcvbn = Lock()  # it keeps the words of a guess in a variable of its module


def load() -> None:
    """Leave no reading to zxcvbn, which took 4 to 15 seconds over 72 chosen characters."""
    matching.L33T_TABLE.clear()


def guesses(password: str, words: tuple[str, ...]) -> int:
    """Estimate how many guesses the first ASSESSED code points of a password withstand.

    `words` are what an attacker would try first: the user's and the service's.
    """
    start = password[:ASSESSED].replace("\n", " ")  # zxcvbn takes digits before a newline for a date, and fails
    with _zxcvbn:
        matching.RANKED_DICTIONARIES["user_inputs"] = matching.build_ranked_dict(
            [word[:ASSESSED].lower() for word in words]
        )
        matches = matching.omnimatch(start)
        for reading in _READINGS:
            matches += _disguised_words(start, reading)
        return int(scoring.most_guessable_match_sequence(start, matches)["guesses"])


def _disguised_words(password: str, reading: Mapping[int, int]) -> list[dict[str, Any]]:
    """As zxcvbn's `l33t_match` finds them, but of one reading, and repeated ones too."""
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
