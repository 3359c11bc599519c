from typing import Literal

Reason = Literal[
    "malformed",  # not three segments of canonical base64url with strict JSON, or too long
    "wrong_type",  # no access token (RFC 9068), but another kind of token, perhaps of the same issuer
    "wrong_algorithm",  # not the algorithm of the key
    "unsupported_header",  # a member that changes what the signature means, or that brings a key
    "unknown_key",  # no key of the key set
    "wrong_signature",
    "wrong_issuer",
    "wrong_audience",
    "wrong_claims",  # a claim is missing or has a wrong type
    "not_yet_valid",
    "lives_too_long",
    "expired",
    "session_ended",
    "user_changed",  # the user is disabled or deleted, or has another name or other roles than the token states
    "client_deleted",
    "key_revoked",
    "refused_by_issuer",  # the answer to `on_silence="ask"`
]


class InvalidToken(Exception):
    """The token is refused; answer 401. `reason` is for logs, and never contains the token."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class ExpiredToken(InvalidToken):
    """The token was valid, and has expired; answer 401. The client should refresh it."""

    def __init__(self) -> None:
        super().__init__("expired")


class Unavailable(Exception):
    """Whether the token is valid cannot be found out now; answer 503. The message states why."""
