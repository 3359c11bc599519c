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
        """Respond in the same way to a field that is missing, null or empty, as the contract requires."""
        if isinstance(body, dict):
            missing = [name for name in ("username", "password") if body.get(name) in (None, "")]
            if missing:
                raise CredentialsRequired(missing)
        return body


class RegisterRequest(Credentials):
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


class LoginRequest(Credentials):
    pass


class Registered(Message):
    """The new user."""

    id: Annotated[UUID, Field(description="The id of the user. It stays the same.", examples=[EXAMPLE_ID])]


class LoginAnswer(AccessToken):
    """The access token, under two names. The refresh token, which renews it, is in a cookie."""

    @computed_field(  # type: ignore[prop-decorator]
        repr=False,
        description="The same as `accessToken`, for clients that expect this name.",
        examples=[EXAMPLE_ACCESS_TOKEN],
    )
    @property
    def token(self) -> str:
        return self.access_token
