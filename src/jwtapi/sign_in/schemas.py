"""The bodies of responses that contain tokens."""

from typing import Annotated, Literal

from pydantic import Field

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
