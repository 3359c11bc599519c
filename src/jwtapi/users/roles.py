"""Which roles a user can have."""

import json
from collections.abc import Iterable

MAX_BYTES = 1024
"""Of all roles of a user as a JSON list. A longer access token would exceed what servers and proxies accept."""


class RolesInvalid(Exception):
    """The message states the reason."""


def parse_roles(roles: Iterable[str], *, beside: Iterable[str] = ()) -> list[str]:
    """Return the roles that the user keeps (`beside`) and then the others, each once and in their order.

    Raises:
        RolesInvalid: an access token or the header X-Auth-Roles cannot contain them, or one string contains several.
    """
    kept = list(beside)
    added = [role for role in dict.fromkeys(roles) if role not in kept]
    for role in added:
        if not role or not role.isprintable():
            raise RolesInvalid(f"A role must be one or more printable characters, not {role!r}.")
        if "," in role or role != role.strip():
            raise RolesInvalid(
                f"A role must not have a comma or spaces around it: {role!r}. Pass each role separately."
            )
    if added and len(json.dumps(kept + added)) > MAX_BYTES:
        raise RolesInvalid(f"The roles of a user must not exceed {MAX_BYTES} bytes as JSON.")
    return kept + added
