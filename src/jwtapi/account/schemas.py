"""Bodies of the account endpoints."""

from typing import Annotated, Any

from pydantic import Field, RootModel

from jwtapi.web.schemas import Schema


class Profile(Schema):
    username: Annotated[str, Field(examples=["alice"])]


class AccountSettings(RootModel[dict[str, Any]]):
    """Whatever the app keeps for its user: a JSON object of at most 16 KiB."""

    model_config = {"json_schema_extra": {"examples": [{"theme": "dark", "language": "en"}]}}
