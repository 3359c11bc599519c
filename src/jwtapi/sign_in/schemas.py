"""The bodies of responses that contain tokens."""

from typing import Annotated, Literal

from pydantic import Field, computed_field

from jwtapi.web.schemas import Schema

EXAMPLE_ACCESS_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9..."  # noqa: S105
EXAMPLE_REFRESH_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6InJ0K2p3dCJ9..."  # noqa: S105
EXAMPLE_DEVICE_TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImR0K2p3dCJ9..."  # noqa: S105


class AccessToken(Schema):
    """The access token. The refresh token, which renews it, is in a cookie."""

    access_token: Annotated[
        str, Field(repr=False, description="For `Authorization: Bearer …`.", examples=[EXAMPLE_ACCESS_TOKEN])
    ]
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  a type of token, no password
    expires_in: Annotated[int, Field(description="Seconds.", examples=[900])]


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
