"""The bodies of the endpoints of sessions."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, SecretStr, model_validator

from jwtapi.second_factors.schemas import OptionalFactorAnswer
from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.web.errors import ValidationFailed
from jwtapi.web.schemas import EXAMPLE_ID, EXAMPLE_TIME, Schema, TextOrNull, Time, or_null


class ReauthenticateRequest(OptionalFactorAnswer):
    """The password; the ticket that it got, with the second factor; or the credential of a passkey alone."""

    password: Annotated[
        Annotated[SecretStr, Field(min_length=1)] | None,
        or_null("string", format="password", minLength=1, maxLength=1024),
        Field(examples=[EXAMPLE_PASSWORD]),
    ] = None

    @model_validator(mode="after")
    def _has_one_proof(self) -> Self:
        sent = (self.password, self.ticket, self.credential if self.ticket is None else None)
        proofs = sum(each is not None for each in sent)
        if proofs != 1:
            message = "Send one of password, ticket and credential" if proofs else "Field required"
            raise ValidationFailed([{"field": "password", "message": message}])
        return self


class UserSession(Schema):
    """Where and how the user has signed in."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    current: Annotated[bool, Field(description="Whether this request belongs to it.", examples=[True])]
    created_at: Time
    last_used_at: Annotated[
        datetime, Field(description="When it was last refreshed: RFC 3339, in UTC.", examples=[EXAMPLE_TIME])
    ]
    address: Annotated[
        TextOrNull,
        Field(description="The network address that opened it; null if it is not known.", examples=["203.0.113.7"]),
    ]
    device: Annotated[
        str,
        Field(
            description="The device that opened it, in words, as it calls itself.",
            examples=["Firefox on Windows"],
        ),
    ]
    methods: Annotated[
        list[str], Field(description="How the user signed in: the values of `amr` (RFC 8176).", examples=[["pwd"]])
    ]


class UserSessionList(Schema):
    """The sessions of the signed-in user."""

    sessions: Annotated[list[UserSession], Field(description="Those that were used last come first.")]
