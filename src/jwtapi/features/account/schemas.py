"""Bodies of the account endpoints."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, RootModel, SecretStr

from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.storage.users import User
from jwtapi.web.schemas import EXAMPLE_ID, Schema, TextOrNull, Time, TimeOrNull, or_null


class Profile(Schema):
    """The signed-in user."""

    username: Annotated[str, Field(examples=["alice"])]


class Account(Schema):
    """The account of the signed-in user."""

    id: Annotated[UUID, Field(description="It stays the same, even if the user name changes.", examples=[EXAMPLE_ID])]
    username: Annotated[str, Field(examples=["alice"])]
    email: Annotated[
        TextOrNull,
        Field(description="The verified address, or else the one that waits.", examples=["alice@example.com"]),
    ]
    email_verified: Annotated[
        bool, Field(description="Whether the owner of `email` has followed a link in a mail.", examples=[True])
    ]
    pending_email: Annotated[
        TextOrNull,
        Field(description="The address that replaces `email` once it is verified.", examples=["alice@example.net"]),
    ]
    roles: Annotated[list[str], Field(examples=[["staff"]])]
    created_at: Time
    last_login_at: TimeOrNull

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            username=user.username,
            email=user.email or user.pending_email,
            email_verified=user.email is not None,
            pending_email=user.pending_email if user.email is not None else None,
            roles=user.roles,
            created_at=user.created_at,
            last_login_at=user.last_login_at,
        )


class AccountPatch(Schema):
    """A JSON merge patch (RFC 7396) of the account. No other member can be changed."""

    model_config = ConfigDict(extra="forbid")

    username: Annotated[
        str,
        Field(
            default_factory=str,
            description="As at the registration, or the present name in another spelling.",
            examples=["alice"],
            json_schema_extra={"format": "username", "maxLength": 64},
        ),
    ]


class DeleteAccountRequest(Schema):
    password: Annotated[
        Annotated[SecretStr, Field(min_length=1)] | None,
        or_null("string", format="password", minLength=1, maxLength=1024),
        Field(description="Required, unless the user has no password.", examples=[EXAMPLE_PASSWORD]),
    ] = None


class AccountSettings(RootModel[dict[str, Any]]):
    """Settings that the app stores for its user: a JSON object of at most 16 KiB."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"theme": "dark", "language": "en"}]})


class SettingsPatch(RootModel[dict[str, Any]]):
    """A JSON merge patch (RFC 7396): a value replaces, `null` removes, an object is a patch of the object there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"theme": "dark", "language": "en"}]})
