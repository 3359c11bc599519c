"""The bodies of the endpoints of API keys, for users and for administrators."""

import re
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from jwtapi.api_keys.service import MAX_NAME, CreatedKey, WantedKey
from jwtapi.storage.api_keys import ApiKey
from jwtapi.web.schemas import EXAMPLE_ID, EXAMPLE_TIME, Schema, Text, Time, TimeOrNull, or_null

_MAX_ROLES = 1024
_MAX_ROLE = 1024
_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _in_rfc_3339(value: Any) -> Any:
    """Refuse what pydantic accepts beyond RFC 3339, such as seconds since 1970."""
    if value is not None and not (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        raise PydanticCustomError("rfc_3339", "Input should be a date and time with a time zone (RFC 3339)")
    return value


_ROLES_OR_NULL = or_null("array", items={"type": "string"})
_Roles = Annotated[
    list[str] | None,
    _ROLES_OR_NULL,
    Field(description="null: all that the user has at the time of a request.", examples=[["staff"]]),
]
_ExpiresAt = Annotated[
    TimeOrNull,
    Field(description="RFC 3339, in UTC. null: never.", examples=[EXAMPLE_TIME]),
]


class NewApiKeyRequest(Schema):
    """What the new key is for."""

    # A misspelt `expiresAt` or `roles` would otherwise make a key that never expires and has every role.
    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        Text,
        Field(min_length=1, max_length=MAX_NAME, description="For people. Printable.", examples=["Nightly backup"]),
    ]
    expires_at: Annotated[
        AwareDatetime | None,
        Field(
            strict=False,
            description="RFC 3339, within 10 years. Without it, never.",
            examples=["2027-11-23T00:00:00Z"],
        ),
        BeforeValidator(_in_rfc_3339),
        or_null("string", format="date-time"),
    ] = None
    roles: Annotated[
        list[Annotated[Text, Field(max_length=_MAX_ROLE)]] | None,
        Field(
            max_length=_MAX_ROLES,
            description="Some of the user's roles. Without it, all that the user has at the time of a request.",
            examples=[[]],
        ),
        _ROLES_OR_NULL,
    ] = None

    def wanted(self) -> WantedKey:
        return WantedKey(self.name, self.roles, self.expires_at)


class UserApiKey(Schema):
    """An API key, without the key."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    name: Annotated[str, Field(examples=["Nightly backup"])]
    roles: _Roles
    created_at: Time
    expires_at: _ExpiresAt
    last_used_at: Annotated[
        TimeOrNull,
        Field(description="Within 5 minutes. null: never.", examples=[EXAMPLE_TIME]),
    ]

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        return cls(
            id=key.id,
            name=key.name,
            roles=key.roles,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class CreatedApiKey(Schema):
    """The new API key."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    key: Annotated[str, Field(repr=False, description="Shown only now.", examples=["jwtapi_..."])]
    name: Annotated[str, Field(examples=["Nightly backup"])]
    roles: _Roles
    created_at: Time
    expires_at: _ExpiresAt

    @classmethod
    def of(cls, created: CreatedKey) -> Self:
        key = created.key
        return cls(
            id=key.id,
            key=created.text,
            name=key.name,
            roles=key.roles,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )


class UserApiKeyList(Schema):
    """The API keys of a user."""

    keys: Annotated[list[UserApiKey], Field(description="The oldest one first.")]
