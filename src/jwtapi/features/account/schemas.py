"""Bodies of the account endpoints."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, RootModel

from jwtapi.web.schemas import EXAMPLE_ID, Schema


class Profile(Schema):
    """The signed-in user."""

    username: Annotated[str, Field(examples=["alice"])]


class Account(Schema):
    """The account of the signed-in user."""

    id: Annotated[UUID, Field(description="It stays the same, even if the user name changes.", examples=[EXAMPLE_ID])]
    username: Annotated[str, Field(examples=["alice"])]
    roles: Annotated[list[str], Field(examples=[["staff"]])]
    created_at: Annotated[datetime, Field(description="RFC 3339, in UTC.", examples=["2026-11-23T14:56:54.403661Z"])]


class AccountSettings(RootModel[dict[str, Any]]):
    """Settings that the app stores for its user: a JSON object of at most 16 KiB."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"theme": "dark", "language": "en"}]})


class SettingsPatch(RootModel[dict[str, Any]]):
    """A JSON merge patch (RFC 7396): a value replaces, `null` removes, an object is a patch of the object there."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"theme": "dark", "language": "en"}]})
