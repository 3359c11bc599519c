"""The documentation of `/auth/verify` for the OpenAPI document."""

from jwtapi.authentication.documentation import ACCESS_TOKEN_ERRORS
from jwtapi.web.documentation import error_responses
from jwtapi.web.schemas import EXAMPLE_ID

VERIFY = error_responses(*ACCESS_TOKEN_ERRORS) | {
    204: {
        "description": "The token or the API key is valid. The headers name its user.",
        "headers": {
            name: {"schema": {"type": "string"}, "description": description, "example": example}
            for name, (description, example) in {
                "X-Auth-User": ("User name, in percent-encoded UTF-8.", "Z%C3%ABbra"),
                "X-Auth-User-Id": ("UUID of the user. It never changes.", EXAMPLE_ID),
                "X-Auth-Roles": ("Roles in percent-encoded UTF-8, separated by commas.", "admin,staff"),
                "X-Auth-Session": (
                    "UUID of the session. Empty if an API key was sent.",
                    "0199e5f2-7b44-7c19-a3d5-1e60f8b2c947",
                ),
            }.items()
        },
    }
}
