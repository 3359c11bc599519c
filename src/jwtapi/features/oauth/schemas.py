"""The bodies of the endpoints of OAuth2. The RFCs define the names of their members."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from jwtapi.sign_in.schemas import EXAMPLE_ACCESS_TOKEN, EXAMPLE_REFRESH_TOKEN
from jwtapi.web.schemas import EXAMPLE_ID

EXAMPLE_SCOPE = "introspect"
EXAMPLE_CLIENT_SECRET = "jwtapi_JxWm0l5vGq7dQ1hYtZ3rB8nKc2sF6uXeA9pTiVoLwMg"  # noqa: S105


class OAuthTokens(BaseModel):
    """The response of RFC 6749 §5.1."""

    model_config = ConfigDict(frozen=True)

    access_token: Annotated[
        str, Field(repr=False, description="For `Authorization: Bearer …`.", examples=[EXAMPLE_ACCESS_TOKEN])
    ]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a type of token, no password
    expires_in: Annotated[int, Field(description="Seconds.", examples=[900])]
    refresh_token: Annotated[
        str | SkipJsonSchema[None],
        Field(
            repr=False,
            description="Use it for the next request. It replaces the previous refresh token. Clients get none.",
            examples=[EXAMPLE_REFRESH_TOKEN],
        ),
    ] = None
    scope: Annotated[
        str | SkipJsonSchema[None],
        Field(description="Of a client's token: its scopes, with spaces in between.", examples=[EXAMPLE_SCOPE]),
    ] = None


class TokenState(BaseModel):
    """The response of RFC 7662 §2.2. A token that is not active has no other member than `active`.

    With TOKEN_CLAIMS, that of a user's token also has the claim that TOKEN_CLAIMS_NAMESPACE names.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    active: Annotated[
        bool,
        Field(description="Whether the token is valid now, and its session or its client exists.", examples=[True]),
    ]
    scope: Annotated[
        str | SkipJsonSchema[None],
        Field(description="Of a client's token: its scopes, with spaces in between.", examples=[EXAMPLE_SCOPE]),
    ] = None
    client_id: Annotated[
        str | SkipJsonSchema[None],
        Field(
            description="The client that signed in the user, or that the token is for; else `jwtapi`.",
            examples=["jwtapi"],
        ),
    ] = None
    username: Annotated[str | SkipJsonSchema[None], Field(examples=["alice"])] = None
    token_type: Annotated[Literal["Bearer"] | SkipJsonSchema[None], Field(examples=["Bearer"])] = None
    exp: Annotated[
        int | SkipJsonSchema[None], Field(description="When it expires: seconds since 1970.", examples=[1795447132])
    ] = None
    iat: Annotated[int | SkipJsonSchema[None], Field(description="When it was issued.", examples=[1795446232])] = None
    sub: Annotated[
        str | SkipJsonSchema[None], Field(description="The id of the user, or of the client.", examples=[EXAMPLE_ID])
    ] = None
    aud: Annotated[
        str | SkipJsonSchema[None],
        Field(description="The service that it is for.", examples=["https://api.example.com"]),
    ] = None
    iss: Annotated[str | SkipJsonSchema[None], Field(description="The server that issued it.", examples=["jwtapi"])] = (
        None
    )
    jti: Annotated[
        str | SkipJsonSchema[None],
        Field(description="The id of the token.", examples=["5f0c1e9d7a3b48c60000000000000001"]),
    ] = None
    sid: Annotated[
        str | SkipJsonSchema[None], Field(description="The id of the user's session.", examples=[EXAMPLE_ID])
    ] = None
    roles: Annotated[
        list[str] | SkipJsonSchema[None], Field(description="The roles of the user.", examples=[["editor"]])
    ] = None
    amr: Annotated[
        list[str] | SkipJsonSchema[None], Field(description="How the user signed in (RFC 8176).", examples=[["pwd"]])
    ] = None
    auth_time: Annotated[
        int | SkipJsonSchema[None], Field(description="When the user signed in.", examples=[1795446232])
    ] = None
