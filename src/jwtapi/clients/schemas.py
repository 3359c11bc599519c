"""The body of the errors of OAuth2."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from jwtapi.web.schemas import ErrorBody, ErrorCode


class OAuthErrorBody(BaseModel):
    """The error of RFC 6749 §5.2, with the members that all our errors have."""

    model_config = ConfigDict(frozen=True)

    error: Annotated[
        Literal[
            "insufficient_scope",
            "invalid_client",
            "invalid_grant",
            "invalid_request",
            "invalid_scope",
            "unsupported_grant_type",
            "unsupported_token_type",
        ],
        Field(description="What went wrong, for programs that follow the RFC. It is the same as `code`."),
    ]
    error_description: Annotated[str, Field(description="The same as `message`.")]
    message: Annotated[str, Field(description="For people; it may change.")]
    code: ErrorCode
    ticket: Annotated[
        str | SkipJsonSchema[None], Field(description="If a second factor is required: what takes it.")
    ] = None
    methods: Annotated[list[str] | SkipJsonSchema[None], Field(description="The second factors that are possible.")] = (
        None
    )


class ErrorBodyForClients(ErrorBody):
    """The error of an endpoint for clients. If it is one of OAuth2, it has the members of RFC 6749 §5.2 too."""

    error: Annotated[str | SkipJsonSchema[None], Field(description="Of errors of OAuth2: the same as `code`.")] = None
    error_description: Annotated[
        str | SkipJsonSchema[None],
        Field(alias="error_description", description="Of errors of OAuth2: the same as `message`."),
    ] = None
