"""Which members of a user's metadata access tokens contain, as one claim (TOKEN_CLAIMS, TOKEN_CLAIMS_NAMESPACE)."""

import json
from collections.abc import Collection, Mapping
from typing import Any

MAX_BYTES = 1024
"""Of the members as a JSON object. A longer access token would exceed what servers and proxies accept."""

TAKEN = frozenset(
    {
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti"),  # RFC 7519 §4.1
        *("client_id", "scope", "auth_time", "acr", "amr", "roles", "groups", "entitlements"),  # RFC 9068 §2.2
        *("username", "sid", "gen"),
        *("cnf", "act", "may_act", "authorization_details", "azp", "nonce"),  # they change what a token may be used for
        *("active", "token_type"),  # RFC 7662 §2.2
    }
)
"""Names that the claim cannot have, because they mean something else in a token, or in what is answered about it."""


NONE = "{}"
"""The claim of a user whose metadata has none of the members."""


def canonical(value: Mapping[str, Any]) -> str:
    """Return JSON that is the same for the same value, and another for another: to Python, `1` equals `true`."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def chosen(metadata: Mapping[str, Any], names: Collection[str]) -> str:
    """Return the members of the metadata that have these names, as canonical JSON."""
    return canonical({name: metadata[name] for name in names if name in metadata})


def fit(claims: str) -> bool:
    """Return whether a token can contain the members: there are not too many, and they are Unicode."""
    try:
        return len(claims.encode()) <= MAX_BYTES
    except UnicodeEncodeError:
        return False


def claims_of(metadata: Mapping[str, Any] | None, names: Collection[str]) -> str | None:
    """Return the claim of a user as canonical JSON. None if there are no names, so that no metadata were read.

    It is NONE if the members do not fit. `parse_metadata` refuses that, but since then TOKEN_CLAIMS may have got other
    names, and somebody may have changed the row by SQL.
    """
    if metadata is None or not names:
        return None
    claims = chosen(metadata, names)
    return claims if fit(claims) else NONE
