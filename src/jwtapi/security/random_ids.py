"""Makes random ids, many at once: asking the system for each one takes longer than to sign a token."""

import os

_BYTES = 16
_AT_ONCE = 256

_ids: list[str] = []

# A child process must not give out the ids of its parent.
os.register_at_fork(after_in_child=_ids.clear)


def random_id() -> str:
    """Return 128 random bits, as 32 hexadecimal digits."""
    while True:
        try:
            return _ids.pop()
        except IndexError:
            data = os.urandom(_BYTES * _AT_ONCE)
            _ids.extend(data[start : start + _BYTES].hex() for start in range(0, len(data), _BYTES))
