"""Bodies of the sign-in endpoints."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, computed_field, model_validator

from jwtapi.auth.errors import CredentialsRequired
from jwtapi.web.schemas import EXAMPLE_ID, ErrorCode, Message, Schema

EXAMPLE_PASSWORD = "correct horse battery staple"  # noqa: S105
EXAMPLE_ACCESS_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9..."  # noqa: S105
EXAMPLE_REFRESH_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9..."  # noqa: S105
EXAMPLE_DEVICE_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImR0K2p3dCJ9..."  # noqa: S105


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


class AccessToken(Schema):
    """What signs requests in, for some minutes. What renews it is in the refresh cookie."""

    access_token: Annotated[
        str, Field(repr=False, description="For `Authorization: Bearer …`.", examples=[EXAMPLE_ACCESS_TOKEN])
    ]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind, no password
    expires_in: Annotated[int, Field(description="Seconds.", examples=[900])]


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


class OAuthTokens(BaseModel):
    """RFC 6749 §5.1, with its own names."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    access_token: Annotated[
        str, Field(repr=False, description="For `Authorization: Bearer …`.", examples=[EXAMPLE_ACCESS_TOKEN])
    ]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a kind, no password
    expires_in: Annotated[int, Field(description="Seconds.", examples=[900])]
    refresh_token: Annotated[
        str,
        Field(
            repr=False,
            description="For the next request; it replaces the one before.",
            examples=[EXAMPLE_REFRESH_TOKEN],
        ),
    ]


class OAuthProblem(BaseModel):
    """RFC 6749 §5.2, and what every error here has."""

    model_config = ConfigDict(frozen=True)

    error: Annotated[
        Literal["invalid_request", "invalid_grant", "unsupported_grant_type", "invalid_scope"],
        Field(description="What went wrong, for programs that go by the RFC; the same as `code`."),
    ]
    error_description: Annotated[str, Field(description="The same as `message`.")]
    message: Annotated[str, Field(description="For people; it may change.")]
    code: ErrorCode
