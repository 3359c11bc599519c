"""The bodies that have a second factor, and what setting one up answers."""

from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, model_validator

from jwtapi.second_factors.methods import FactorMethod
from jwtapi.second_factors.provers import FactorAnswer
from jwtapi.web.errors import missing_field
from jwtapi.web.schemas import Schema, TextOrNull, or_null

EXAMPLE_TICKET = "kR3sV0q8mZtY1wLx7nPb5cJdGhF2aUeQ9oT4iKrXyNM"
EXAMPLE_CODE = "755224"
EXAMPLE_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105
EXAMPLE_RECOVERY_CODES = ["MFRG-GZDF-MZTW-Q2LK"]

_Method = Annotated[FactorMethod, Field(strict=False)]
_METHOD = Field(description="One of the `methods` of the error `mfa_required`.", examples=["totp"])
Code = Annotated[
    TextOrNull,
    Field(description="The code, unless the method is `passkey`. Spaces make no difference.", examples=[EXAMPLE_CODE]),
]
Credential = Annotated[
    dict[str, Any] | None,
    or_null("object", additionalProperties=True),
    Field(
        description="Of the method `passkey`: AuthenticationResponseJSON (WebAuthn §5.1).",
        examples=[{"id": "q0dXf3p1VYkqxw2zJmH0Tw", "type": "public-key"}],
    ),
]


def _require_answer(method: FactorMethod | None, code: str | None, credential: dict[str, Any] | None) -> None:
    """Raises: ValidationFailed."""
    if method is None:
        raise missing_field("method")
    if method is FactorMethod.PASSKEY:
        if credential is None:
            raise missing_field("credential")
    elif code is None:
        raise missing_field("code")


class OptionalFactorAnswer(Schema):
    """What can accompany a ticket, or a passkey's answer alone."""

    ticket: Annotated[
        SecretStr | None,
        or_null("string"),
        Field(description="Of the error `mfa_required`.", examples=[EXAMPLE_TICKET]),
    ] = None
    method: Annotated[_Method | None, or_null("string", enum=[*FactorMethod, None]), _METHOD] = None
    code: Code = None
    credential: Credential = None

    @model_validator(mode="after")
    def _has_an_answer(self) -> Self:
        if self.ticket is not None:
            _require_answer(self.method, self.code, self.credential)
        return self

    @property
    def answer(self) -> FactorAnswer:
        return FactorAnswer(self.method or FactorMethod.PASSKEY, self.code, self.credential)


class TicketRequest(Schema):
    ticket: Annotated[SecretStr, Field(description="Of the error `mfa_enrolment_required`.", examples=[EXAMPLE_TICKET])]


class FactorAnswerRequest(TicketRequest):
    """A ticket, and the second factor that it asks for."""

    method: Annotated[_Method, _METHOD]
    code: Code = None
    credential: Credential = None
    remember: Annotated[
        bool,
        Field(description="Whether to ask for no second factor on this device for some time (MFA_REMEMBER_DEVICE)."),
    ] = False

    @model_validator(mode="after")
    def _has_an_answer(self) -> Self:
        _require_answer(self.method, self.code, self.credential)
        return self

    @property
    def answer(self) -> FactorAnswer:
        return FactorAnswer(self.method, self.code, self.credential)


class TotpSetUpAnswer(Schema):
    """What an authenticator app needs. It is shown once."""

    secret: Annotated[str, Field(repr=False, description="In base32, to type it.", examples=[EXAMPLE_SECRET])]
    uri: Annotated[
        str,
        Field(
            repr=False,
            description="What the QR code contains.",
            examples=[f"otpauth://totp/Example:alice?secret={EXAMPLE_SECRET}&issuer=Example"],
        ),
    ]
    qr_svg: Annotated[
        str,
        Field(
            repr=False,
            description="The QR code: an SVG element, which needs no style.",
            examples=['<svg xmlns="http://www.w3.org/2000/svg" width="180" height="180">…</svg>'],
        ),
    ]


class RecoveryCodesAnswer(Schema):
    recovery_codes: Annotated[
        list[str],
        Field(
            repr=False,
            description="Each works once. They are never shown again.",
            examples=[EXAMPLE_RECOVERY_CODES],
        ),
    ]


def let_codes_be_left_out(schema: dict[str, Any]) -> None:
    """For `json_schema_extra` of a response that has `recoveryCodes` only with the first second factor."""
    schema["required"].remove("recoveryCodes")
