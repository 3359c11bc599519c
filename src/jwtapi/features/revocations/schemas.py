"""The answer. Its names are those of the claims (RFC 7519, RFC 9068) and of JWK (RFC 7517)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from jwtapi.web.schemas import EXAMPLE_ID

EXAMPLE_CURSOR = "MSB..."

Until = Annotated[
    int,
    Field(examples=[1795447132], description="NumericDate. Drop the entry then: what it refuses has expired."),
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)


class EndedSession(_Entry):
    """Refuse its tokens."""

    sid: Annotated[str, Field(examples=["0199e5f2-7b44-7c19-a3d5-1e60f8b2c947"], description="As in the token.")]
    until: Until


class ChangedUser(_Entry):
    """What is true of a user now. It replaces an earlier entry of the same `sub`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"sub": EXAMPLE_ID, "active": True, "username": "erin", "roles": ["staff"], "until": 1795447132}
            ]
        }
    )

    sub: Annotated[str, Field(examples=[EXAMPLE_ID], description="As in the token.")]
    active: Annotated[bool, Field(examples=[True], description="If false, refuse all tokens of the user.")]
    username: Annotated[
        str | SkipJsonSchema[None],
        Field(examples=["erin"], description="Refuse tokens with another one. Only if active."),
    ] = None
    roles: Annotated[
        list[str] | SkipJsonSchema[None],
        Field(examples=[["staff"]], description="Refuse tokens with others, in whatever order. Only if active."),
    ] = None
    claims: Annotated[
        dict[str, dict[str, Any]] | SkipJsonSchema[None],
        Field(
            examples=[{"claims": {"tenant": "acme"}}],
            description="By the name of a claim, its value. Refuse tokens that have the claim with another value. Only "
            "if active, and if TOKEN_CLAIMS is set.",
        ),
    ] = None
    until: Until


class DeletedClient(_Entry):
    """Refuse the tokens that it got for itself."""

    client_id: Annotated[str, Field(examples=["0199e5f2-9e31-7d52-b6f0-c2a4418e7d09"], description="As in the token.")]
    until: Until


class RevokedKey(_Entry):
    """Refuse all tokens that it signed, even if a cached key set still has it."""

    kid: Annotated[
        str,
        Field(examples=["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"], description="As in the header of the token."),
    ]
    until: Until


class Revocations(_Entry):
    """What has ended before its tokens expire."""

    cursor: Annotated[str, Field(examples=[EXAMPLE_CURSOR], description="Send it as `after` the next time.")]
    reset: Annotated[
        bool, Field(examples=[False], description="If true, the lists are complete: forget what you knew before.")
    ]
    sessions: list[EndedSession]
    users: list[ChangedUser]
    clients: list[DeletedClient]
    keys: list[RevokedKey]
