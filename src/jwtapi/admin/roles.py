"""Which roles a user can have."""

import json
from collections.abc import Iterable

MAX_BYTES = 1024
"""Of all roles as a JSON list. An access token with more would be longer than what servers and proxies take."""


class RolesInvalid(Exception):
    """The message says why."""


def parse_roles(roles: Iterable[str]) -> list[str]:
    """Return the roles, each once, in their order.

    Raises:
        RolesInvalid: an access token or the header X-Auth-Roles could not carry them.
    """
    distinct = list(dict.fromkeys(roles))
    for role in distinct:
        if not role or not role.isprintable():
            raise RolesInvalid(f"A role wants printable characters: {role!r} has none or others.")
    if len(json.dumps(distinct)) > MAX_BYTES:
        raise RolesInvalid(f"The roles of a user must not exceed {MAX_BYTES} bytes as JSON.")
    return distinct
