"""The bodies of a registration and a login."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, SecretStr, computed_field, model_validator

from jwtapi.features.login.errors import CredentialsRequired
from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.sign_in.schemas import EXAMPLE_ACCESS_TOKEN, AccessToken
from jwtapi.web.schemas import EXAMPLE_ID, Message, Schema


class Credentials(Schema):
    username: Annotated[str, Field(min_length=1, examples=["alice"])]
    password: Annotated[SecretStr, Field(min_length=1, examples=[EXAMPLE_PASSWORD])]

    @model_validator(mode="before")
    @classmethod
    def _require_both(cls, body: Any) -> Any:
        """One answer for what is missing, null or empty, as the contract has it."""
        if isinstance(body, dict):
            missing = [name for name in ("username", "password") if body.get(name) in (None, "")]
            if missing:
                raise CredentialsRequired(missing)
        return body


class RegisterRequest(Credentials):
    # The bounds are told here and kept by the service, which has a code for each.
    username: Annotated[
        str,
        Field(
            min_length=1,
            examples=["alice"],
            description="Letters of one script, digits and ASCII punctuation; spaces around it are cut. "
            "Case and width do not tell two names apart.",
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


class LoginRequest(Credentials):
    pass


class Registered(Message):
    """Who is registered now."""

    id: Annotated[UUID, Field(description="The user's, which stays the same.", examples=[EXAMPLE_ID])]


class LoginAnswer(AccessToken):
    """What signs requests in, for some minutes, under two names. What renews it is in the refresh cookie."""

    @computed_field(  # type: ignore[prop-decorator]
        repr=False,
        description="The same as `accessToken`, for clients that expect this name.",
        examples=[EXAMPLE_ACCESS_TOKEN],
    )
    @property
    def token(self) -> str:
        return self.access_token
