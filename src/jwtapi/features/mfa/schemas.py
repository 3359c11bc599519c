"""The bodies of the endpoints of second factors."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, SecretStr

from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.schemas import EXAMPLE_CODE
from jwtapi.web.schemas import EXAMPLE_ID, Schema, TextOrNull, Time, TimeOrNull


class CodeRequest(Schema):
    code: Annotated[SecretStr, Field(description="What the authenticator app shows.", examples=[EXAMPLE_CODE])]


class MfaState(Schema):
    """Which second factors the user has."""

    enabled: Annotated[bool, Field(description="Whether a password alone does not suffice.", examples=[True])]
    since: Annotated[TimeOrNull, Field(description="Since when.")]
    totp_since: Annotated[TimeOrNull, Field(description="When an authenticator app was set up; null without one.")]
    recovery_codes: Annotated[int, Field(description="How many were not used yet.", examples=[10])]
    passkeys: Annotated[int, Field(description="How many passkeys there are.", examples=[0])]
    has_password: Annotated[bool, Field(examples=[True])]
    required: Annotated[bool, Field(description="Whether this user must have a second factor.", examples=[False])]
    required_from: Annotated[
        TimeOrNull, Field(description="Until when the user can sign in without one, if one is required.")
    ]
    methods: Annotated[
        list[FactorMethod], Field(description="What this server offers.", examples=[["totp", "recovery_code"]])
    ]
    remember_device_seconds: Annotated[
        int, Field(description="How long a device can be remembered. 0: not at all.", examples=[2592000])
    ]


class RememberedDevice(Schema):
    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    device: Annotated[str, Field(description="In words, as it calls itself.", examples=["Firefox on Windows"])]
    address: Annotated[
        TextOrNull,
        Field(description="The network address from where it was remembered.", examples=["203.0.113.7"]),
    ]
    created_at: Time
    expires_at: Time


class RememberedDeviceList(Schema):
    """Where the user is asked for no second factor."""

    devices: Annotated[list[RememberedDevice], Field(description="Those that were remembered last come first.")]
