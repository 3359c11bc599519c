"""What the OpenAPI document says of `/auth/verify`."""

from jwtapi.authentication.documentation import ACCESS_TOKEN_ERRORS
from jwtapi.web.documentation import problems
from jwtapi.web.schemas import EXAMPLE_ID

VERIFY = problems(*ACCESS_TOKEN_ERRORS) | {
    204: {
        "description": "The token is good; whose it is, is in the headers.",
        "headers": {
            name: {"schema": {"type": "string"}, "description": description, "example": example}
            for name, (description, example) in {
                "X-Auth-User": ("User name, in percent-encoded UTF-8.", "Z%C3%ABbra"),
                "X-Auth-User-Id": ("UUID of the user, which stays the same.", EXAMPLE_ID),
                "X-Auth-Roles": ("Roles, each in percent-encoded UTF-8, commas between.", "admin,staff"),
                "X-Auth-Session": ("UUID of the session.", "0199e5f2-7b44-7c19-a3d5-1e60f8b2c947"),
            }.items()
        },
    }
}
