"""The bodies of forgotten and new passwords."""

from typing import Annotated

from pydantic import Field, SecretStr

from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.web.schemas import Schema, or_null

EXAMPLE_TOKEN = "AZnl8mwdejCPK5ThwH1aNgAAaO9..."  # noqa: S105  an example

NewPassword = Annotated[
    SecretStr,
    # These limits are only documentation. The service enforces them, with an error code for each.
    Field(min_length=1, examples=[EXAMPLE_PASSWORD], json_schema_extra={"format": "password", "maxLength": 1024}),
]


class ForgotRequest(Schema):
    login: Annotated[str, Field(min_length=1, description="A user name or an e-mail address.", examples=["alice"])]


class ResetRequest(Schema):
    token: Annotated[SecretStr, Field(description="From the link.", examples=[EXAMPLE_TOKEN])]
    password: NewPassword


class ChangeRequest(Schema):
    current_password: Annotated[
        Annotated[SecretStr, Field(min_length=1)] | None,
        or_null("string", format="password", minLength=1),
        Field(
            description="Required, unless the user has no password. Then the sign-in must be recent.",
            examples=[EXAMPLE_PASSWORD],
        ),
    ] = None
    new_password: NewPassword
