"""The bodies of a registration and a login."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, SecretStr, model_validator

from jwtapi.features.login.errors import CredentialsRequired
from jwtapi.security import email_addresses, link_tokens
from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.web.schemas import EXAMPLE_ID, Message, Schema, or_null


class Credentials(Schema):
    username: Annotated[str, Field(min_length=1, examples=["alice"])]
    password: Annotated[SecretStr, Field(min_length=1, examples=[EXAMPLE_PASSWORD])]

    @model_validator(mode="before")
    @classmethod
    def _require_both(cls, body: Any) -> Any:
        """Respond in the same way to a field that is missing, null or empty, as the contract requires."""
        if isinstance(body, dict):
            missing = [name for name in ("username", "password") if body.get(name) in (None, "")]
            if missing:
                raise CredentialsRequired(missing)
        return body


Optional = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]
"""None if it is missing, null or empty. Forms of browsers send fields that were left empty."""

EXAMPLE_INVITATION = "AZnl8mwdejCPK5ThwH1aNgAAazbsgHRoaXMgaXMgb25seSBhbiBleGFtcGxlLCBubyBNQUMu"

_CREDENTIALS: dict[str, JsonValue] = {"username": "alice", "password": EXAMPLE_PASSWORD}


class RegisterRequest(Credentials):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _CREDENTIALS,
                _CREDENTIALS | {"email": "alice@example.com"},
                _CREDENTIALS | {"invitation": EXAMPLE_INVITATION},
            ]
        }
    )

    # These limits are only documentation. The service enforces them, with an error code for each.
    username: Annotated[
        str,
        Field(
            min_length=1,
            examples=["alice"],
            description="Letters of one script, digits and ASCII punctuation. Spaces around it are removed. "
            "Names that differ only in case or width are the same name.",
            json_schema_extra={"format": "username", "maxLength": 64},
        ),
    ]
    password: Annotated[
        SecretStr,
        Field(
            min_length=1,
            examples=[EXAMPLE_PASSWORD],
            json_schema_extra={"format": "password", "maxLength": 1024},
        ),
    ]
    email: Annotated[
        Optional,
        or_null("string", format="email", maxLength=email_addresses.MAX_LENGTH),
        Field(
            description="An address of the user. It has no effect until the user opens the link that is sent to it.",
            examples=["alice@example.com"],
        ),
    ] = None
    invitation: Annotated[
        Optional,
        or_null("string", maxLength=link_tokens.TEXT_LENGTH),
        Field(
            description="The token of an invitation: what follows `invitation=` in its link. The user gets the address "
            "and the roles of the invitation.",
            examples=[EXAMPLE_INVITATION],
        ),
    ] = None


class LoginRequest(Credentials):
    pass


class Registered(Message):
    """The new user."""

    id: Annotated[UUID, Field(description="The id of the user. It stays the same.", examples=[EXAMPLE_ID])]
