"""The bodies of the token endpoint."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jwtapi.sign_in.schemas import EXAMPLE_ACCESS_TOKEN, EXAMPLE_REFRESH_TOKEN
from jwtapi.web.schemas import ErrorCode


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


class OAuthErrorBody(BaseModel):
    """RFC 6749 §5.2, and what every error here has."""

    model_config = ConfigDict(frozen=True)

    error: Annotated[
        Literal["invalid_request", "invalid_grant", "unsupported_grant_type", "invalid_scope"],
        Field(description="What went wrong, for programs that go by the RFC; the same as `code`."),
    ]
    error_description: Annotated[str, Field(description="The same as `message`.")]
    message: Annotated[str, Field(description="For people; it may change.")]
    code: ErrorCode
