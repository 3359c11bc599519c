"""Tells Schemathesis what user names look like; JSON Schema has no words for RFC 8265."""

import schemathesis
from hypothesis import strategies as st

_LETTERS_DIGITS_PUNCTUATION_SYMBOLS = ("L", "N", "P", "S")

schemathesis.openapi.format(
    "username",
    st.text(st.characters(codec="ascii", categories=_LETTERS_DIGITS_PUNCTUATION_SYMBOLS), min_size=1, max_size=64),
)
