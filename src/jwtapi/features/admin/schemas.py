"""The bodies of the administration of users."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr

from jwtapi.sessions.cache import methods_of
from jwtapi.sign_in.documentation import EXAMPLE_PASSWORD
from jwtapi.storage.sessions import Session
from jwtapi.storage.users import User
from jwtapi.web.schemas import EXAMPLE_ID, EXAMPLE_TIME, Schema, TextOrNull, Time, TimeOrNull, or_null

EXAMPLE_CURSOR = "WyJ1c2VybmFtZSIsImNhcm9sIl0"
EXAMPLE_LINK = "https://auth.example.com/account/reset#token=..."
_MAX_ROLES = 256

Roles = Annotated[
    list[Annotated[str, Field(max_length=1024)]],
    Field(
        default_factory=list,
        max_length=_MAX_ROLES,
        description="What access tokens contain. The role `admin` is that of administrators.",
        examples=[["staff"]],
    ),
]
Metadata = Annotated[
    dict[str, Any],
    Field(
        default_factory=dict,
        description="What administrators note about the user: at most 4 KiB of JSON. The user cannot change it.",
        examples=[{"department": "sales"}],
    ),
]


class AdminUser(Schema):
    """A user, as administrators see the user."""

    id: Annotated[UUID, Field(description="It never changes.", examples=[EXAMPLE_ID])]
    username: Annotated[str, Field(examples=["frank"])]
    email: Annotated[TextOrNull, Field(description="The verified address.", examples=["frank@example.com"])]
    pending_email: Annotated[TextOrNull, Field(description="An address that waits for verification.", examples=[None])]
    roles: Annotated[list[str], Field(examples=[["staff"]])]
    state: Annotated[
        Literal["enabled", "disabled"], Field(description="Who is disabled cannot sign in.", examples=["enabled"])
    ]
    is_service_account: Annotated[
        bool, Field(description="Whether it never signs in, and only has API keys.", examples=[False])
    ]
    has_password: Annotated[bool, Field(examples=[True])]
    has_second_factor: Annotated[
        bool, Field(description="Whether a password alone does not suffice.", examples=[False])
    ]
    metadata: Annotated[dict[str, Any], Field(examples=[{"department": "sales"}])]
    external_id: Annotated[
        TextOrNull,
        Field(description="The id in the system that the user was imported from.", examples=[None]),
    ]
    created_at: Time
    last_login_at: TimeOrNull

    @classmethod
    def of(cls, user: User, **more: Any) -> Self:
        return cls(
            id=user.id,
            username=user.username,
            email=user.email,
            pending_email=user.pending_email,
            roles=user.roles,
            state="disabled" if user.disabled_at is not None else "enabled",
            is_service_account=user.is_service_account,
            has_password=user.password_hash is not None,
            has_second_factor=user.second_factor_since is not None,
            metadata=user.metadata,
            external_id=user.external_id,
            created_at=user.created_at,
            last_login_at=user.last_login_at,
            **more,
        )


class AdminUserPage(Schema):
    """Some of the users."""

    users: list[AdminUser]
    next: Annotated[
        TextOrNull,
        Field(description="Send it as `after` for the next page. null: this is the last one.", examples=[None]),
    ]


class NewUser(Schema):
    model_config = ConfigDict(extra="forbid")

    username: Annotated[
        str,
        Field(
            description="As at the registration. Names of RESERVED_USERNAMES are possible too.",
            examples=["frank"],
            json_schema_extra={"format": "username", "maxLength": 64},
        ),
    ]
    password: Annotated[
        SecretStr | None,
        or_null("string", format="password", minLength=1, maxLength=1024),
        Field(description="Without it, the user sets one by a link.", examples=[EXAMPLE_PASSWORD]),
    ] = None
    email: Annotated[
        str | None,
        or_null("string", format="email"),
        Field(
            description="With a password, it waits until a link verifies it. Without, the link for a password is sent "
            "to it, and only who gets it can sign in, so it counts as verified.",
            examples=[None],
        ),
    ] = None
    roles: Roles
    metadata: Metadata
    is_service_account: Annotated[
        bool, Field(description="Then it has neither password nor address.", examples=[False])
    ] = False


class CreatedUser(AdminUser):
    """A user who was created."""

    reset_link: Annotated[
        TextOrNull,
        Field(
            repr=False,
            description="If the user has no password, and no address that it was sent to: the link to set one, for 30 "
            "minutes. Nobody can show it again.",
            examples=[None],
        ),
    ]


class UserChange(Schema):
    """What to change of a user. Members that are left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    roles: Roles
    disabled: Annotated[bool, Field(default_factory=bool, examples=[False])]
    metadata: Metadata


class InvitationRequest(Schema):
    model_config = ConfigDict(extra="forbid")

    email: Annotated[
        str, Field(min_length=1, examples=["erin@example.com"], json_schema_extra={"format": "email", "maxLength": 254})
    ]
    roles: Roles


class Invitation(Schema):
    """An invitation, which registers one user within 7 days."""

    link: Annotated[
        TextOrNull,
        Field(repr=False, description="null: it was sent by mail. Otherwise this server sends none.", examples=[None]),
    ]


class ResetLink(Schema):
    """A link by which a user can set a password."""

    link: Annotated[str, Field(repr=False, description="It works once, for 30 minutes.", examples=[EXAMPLE_LINK])]


class AdminSession(Schema):
    """Where and how a user has signed in."""

    id: Annotated[UUID, Field(examples=[EXAMPLE_ID])]
    created_at: Time
    last_used_at: Annotated[
        datetime, Field(description="When it was last refreshed: RFC 3339, in UTC.", examples=[EXAMPLE_TIME])
    ]
    expires_at: Annotated[
        datetime,
        Field(description="When it ends unless it is refreshed before: RFC 3339, in UTC.", examples=[EXAMPLE_TIME]),
    ]
    address: Annotated[
        TextOrNull,
        Field(description="The network address that opened it; null if it is not known.", examples=["203.0.113.7"]),
    ]
    user_agent: Annotated[
        TextOrNull,
        Field(description="The header User-Agent of the request that opened it.", examples=["Mozilla/5.0 ..."]),
    ]
    amr: Annotated[
        list[str], Field(description="How the user signed in: the values of `amr` (RFC 8176).", examples=[["pwd"]])
    ]

    @classmethod
    def of(cls, session: Session) -> Self:
        return cls(
            id=session.id,
            created_at=session.created_at,
            last_used_at=session.refreshed_at,
            expires_at=session.expires_at,
            address=session.address,
            user_agent=session.user_agent,
            amr=list(methods_of(session)),
        )


class AdminSessionList(Schema):
    """The sessions of a user that are alive."""

    sessions: Annotated[list[AdminSession], Field(description="Those that were used last come first; at most 100.")]
