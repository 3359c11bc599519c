"""Makes tickets, and binds rows to the state of their user."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from jwtapi.storage.users import User

LIFETIME = timedelta(minutes=5)


class NewToken(NamedTuple):
    text: str
    token_hash: bytes


def new_token() -> NewToken:
    """Make 256 random bits in base64url. The database keeps only their hash."""
    text = secrets.token_urlsafe(32)
    return NewToken(text, hash_of(text))


def hash_of(token: str) -> bytes:
    """SHA-256. The text may be anything that a client sends."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def state_of(user: User) -> bytes:
    """What a ticket or a remembered device is bound to: it changes with password, address, factors and state."""
    return hashlib.sha256(user.link_state).digest()


def expiry(now: datetime) -> datetime:
    return now + LIFETIME
