"""The bodies of the endpoints of e-mail addresses."""

from typing import Annotated

from pydantic import Field, SecretStr

from jwtapi.security.email_addresses import MAX_LENGTH
from jwtapi.security.link_tokens import TEXT_LENGTH
from jwtapi.web.schemas import Message, Schema

EXAMPLE_EMAIL = "alice@new.example.com"
EXAMPLE_LINK_TOKEN = "AZnl8mwdejCPK5ThwH1aNgAAawWlgGGiJ-CgCSJw81ejA2z0KlAKMRU3KOq7ywy6qROyy2Vs"  # noqa: S105  made up


class LinkRequest(Schema):
    token: Annotated[
        SecretStr,
        Field(
            description="The value `token` in the fragment of the link.",
            examples=[EXAMPLE_LINK_TOKEN],
            json_schema_extra={"maxLength": TEXT_LENGTH},
        ),
    ]


class EmailRequest(Schema):
    email: Annotated[
        str,
        Field(
            description="Spaces around it are removed.",
            examples=[EXAMPLE_EMAIL],
            # Only documentation: the service checks the address, with an error code of its own.
            json_schema_extra={"format": "email", "maxLength": MAX_LENGTH},
        ),
    ]


class Verified(Message):
    """The account whose address was confirmed."""

    username: Annotated[str, Field(examples=["alice"])]
