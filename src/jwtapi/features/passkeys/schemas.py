"""The bodies of the endpoints of passkeys. WebAuthn §5.1 defines the options and the credentials."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import ConfigDict, Field, RootModel, SecretStr
from pydantic.json_schema import SkipJsonSchema

from jwtapi.second_factors.schemas import EXAMPLE_RECOVERY_CODES, EXAMPLE_TICKET, let_codes_be_left_out
from jwtapi.web.schemas import EXAMPLE_ID, Schema, Text, TextOrNull, Time, TimeOrNull, or_null

_EXAMPLE_CREDENTIAL_ID = "q0dXf3p1VYkqxw2zJmH0Tw"
_EXAMPLE_CHALLENGE = "Vu8uDqnkwOjd83KLj6Scn2BgFNLFbGR7Kq_XJJwQnnA"

EXAMPLE_CREDENTIAL: dict[str, Any] = {
    "id": _EXAMPLE_CREDENTIAL_ID,
    "rawId": _EXAMPLE_CREDENTIAL_ID,
    "type": "public-key",
    "response": {"clientDataJSON": "eyJ0eXBlIjoi…"},
    "clientExtensionResults": {},
}
EXAMPLE_REQUEST_OPTIONS: dict[str, Any] = {
    "challenge": _EXAMPLE_CHALLENGE,
    "timeout": 300000,
    "rpId": "auth.example.com",
    "allowCredentials": [],
    "userVerification": "required",
}
EXAMPLE_CREATION_OPTIONS: dict[str, Any] = {
    "rp": {"id": "auth.example.com", "name": "auth.example.com"},
    "user": {"id": _EXAMPLE_CHALLENGE, "name": "alice", "displayName": "alice"},
    "challenge": _EXAMPLE_CHALLENGE,
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    "timeout": 300000,
    "excludeCredentials": [],
    "authenticatorSelection": {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    },
    "attestation": "none",
}

Credential = Annotated[
    dict[str, Any],
    Field(
        description="What the browser's `toJSON()` returns (WebAuthn §5.1).",
        json_schema_extra={"additionalProperties": True},
        examples=[EXAMPLE_CREDENTIAL],
    ),
]
Name = Annotated[
    Text,
    Field(min_length=1, max_length=64, description="For people, at most 64 characters.", examples=["My phone"]),
]


class Options(RootModel[dict[str, Any]]):
    """Options for the browser (WebAuthn §5.1)."""


class OptionsRequest(Schema):
    ticket: Annotated[
        SecretStr | None,
        or_null("string"),
        Field(
            description="Of the error `mfa_required`, if the passkey is a second factor. None for a passkey alone.",
            examples=[EXAMPLE_TICKET],
        ),
    ] = None


class CredentialRequest(Schema):
    credential: Credential


class NewPasskeyRequest(CredentialRequest):
    name: Annotated[
        Name | None,
        or_null("string", minLength=1, maxLength=64),
        Field(description="Without it, the passkey is named after its authenticator.", examples=["My phone"]),
    ] = None


class RenameRequest(Schema):
    name: Name


class UserPasskey(Schema):
    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    name: Annotated[str, Field(examples=["iCloud Keychain"])]
    created_at: Time
    last_used_at: TimeOrNull
    backed_up: Annotated[bool, Field(description="Whether it is synchronised to other devices.", examples=[True])]
    authenticator: Annotated[
        TextOrNull,
        Field(description="What people call the authenticator, if it is known.", examples=["iCloud Keychain"]),
    ]
    rp_id: Annotated[str, Field(description="The domain that it works for.", examples=["auth.example.com"])]
    credential_id: Annotated[str, Field(description="In base64url.", examples=[_EXAMPLE_CREDENTIAL_ID])]


class AddedPasskey(UserPasskey):
    """The new passkey."""

    model_config = ConfigDict(json_schema_extra=let_codes_be_left_out)

    recovery_codes: Annotated[
        list[str] | SkipJsonSchema[None],
        Field(
            repr=False,
            description="Only with the first second factor: each works once, and is never shown again.",
            examples=[EXAMPLE_RECOVERY_CODES],
        ),
    ] = None


class PasskeyList(Schema):
    """The passkeys of the signed-in user."""

    passkeys: Annotated[list[UserPasskey], Field(description="The oldest one first.")]
    rp_id: Annotated[str, Field(description="The domain of new passkeys.", examples=["auth.example.com"])]
    user_handle: Annotated[
        TextOrNull,
        Field(description="What authenticators call the user, in base64url.", examples=[_EXAMPLE_CHALLENGE]),
    ]
    user_name: Annotated[str, Field(examples=["alice"])]


class RelatedOrigins(Schema):
    """Other origins whose pages may use the passkeys of this domain (WebAuthn §5.11)."""

    origins: Annotated[list[str], Field(examples=[["https://app.example.com"]])]
