"""Which roles a user can have."""

import json
from collections.abc import Iterable

MAX_BYTES = 1024
"""Of all roles as a JSON list. An access token with more would be longer than what servers and proxies take."""


class RolesInvalid(Exception):
    """The message says why."""


def parse_roles(roles: Iterable[str], *, beside: Iterable[str] = ()) -> list[str]:
    """Return the roles, each once and in their order, behind those that the user keeps.

    Raises:
        RolesInvalid: an access token or the header X-Auth-Roles could not carry them, or several were given as one.
    """
    kept = list(beside)
    added = [role for role in dict.fromkeys(roles) if role not in kept]
    for role in added:
        if not role or not role.isprintable():
            raise RolesInvalid(f"A role must be one or more printable characters, not {role!r}.")
        if "," in role or role != role.strip():
            raise RolesInvalid(f"A role has no comma, and no space around it: {role!r}. Give each role by itself.")
    if added and len(json.dumps(kept + added)) > MAX_BYTES:
        raise RolesInvalid(f"The roles of a user must not exceed {MAX_BYTES} bytes as JSON.")
    return kept + added
