"""Bodies of the sign-in endpoints."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, computed_field, model_validator

from jwtapi.auth.errors import CredentialsRequired
from jwtapi.web.schemas import Message, Schema


class Credentials(Schema):
    username: Annotated[str, Field(min_length=1, examples=["alice"])]
    password: Annotated[SecretStr, Field(min_length=1, examples=["mypassword"])]

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
    """The bounds are told here and kept by the service, which has a code for each."""

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
            examples=["mypassword"],
            description="At least PASSWORD_MIN_LENGTH characters, of any kind.",
            json_schema_extra={"format": "password", "minLength": 8, "maxLength": 1024},
        ),
    ]


class LoginRequest(Credentials):
    pass


class Registered(Message):
    id: Annotated[UUID, Field(description="The user's, which stays the same.")]


class AccessToken(Schema):
    access_token: Annotated[str, Field(repr=False, description="For `Authorization: Bearer …`.")]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind, no password
    expires_in: Annotated[int, Field(description="Seconds.", examples=[900])]


class LoginAnswer(AccessToken):
    @computed_field(repr=False, description="The same as `accessToken`, for clients that expect this name.")  # type: ignore[prop-decorator]
    @property
    def token(self) -> str:
        return self.access_token


class OAuthTokens(BaseModel):
    """RFC 6749 §5.1, with its own names."""

    model_config = ConfigDict(frozen=True)

    access_token: Annotated[str, Field(repr=False)]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind, no password
    expires_in: Annotated[int, Field(description="Seconds.", examples=[900])]
    refresh_token: Annotated[str, Field(repr=False)]


class OAuthProblem(BaseModel):
    """RFC 6749 §5.2, and what every error here has."""

    model_config = ConfigDict(frozen=True)

    error: Literal["invalid_request", "invalid_grant", "unsupported_grant_type", "invalid_scope"]
    error_description: str
    message: str
    code: str
