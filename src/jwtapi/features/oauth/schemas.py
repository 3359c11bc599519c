"""The bodies of the token endpoint."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jwtapi.sign_in.schemas import EXAMPLE_ACCESS_TOKEN, EXAMPLE_REFRESH_TOKEN
from jwtapi.web.schemas import ErrorCode


class OAuthTokens(BaseModel):
    """The response of RFC 6749 §5.1. The RFC defines the names of its members."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    access_token: Annotated[
        str, Field(repr=False, description="For `Authorization: Bearer …`.", examples=[EXAMPLE_ACCESS_TOKEN])
    ]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a type of token, no password
    expires_in: Annotated[int, Field(description="Seconds.", examples=[900])]
    refresh_token: Annotated[
        str,
        Field(
            repr=False,
            description="Use it for the next request. It replaces the previous refresh token.",
            examples=[EXAMPLE_REFRESH_TOKEN],
        ),
    ]


class OAuthErrorBody(BaseModel):
    """The error of RFC 6749 §5.2, with the members that all our errors have."""

    model_config = ConfigDict(frozen=True)

    error: Annotated[
        Literal["invalid_request", "invalid_grant", "unsupported_grant_type", "invalid_scope"],
        Field(description="What went wrong, for programs that follow the RFC. It is the same as `code`."),
    ]
    error_description: Annotated[str, Field(description="The same as `message`.")]
    message: Annotated[str, Field(description="For people; it may change.")]
    code: ErrorCode
