"""The bodies of the responses."""

from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias
from uuid import UUID

from pydantic import Field

from jwtapi.features.admin_activity.dashboard import HOURS, Numbers
from jwtapi.features.admin_activity.storage import MAX_USERS
from jwtapi.mail.listing import MailState, masked, state_of
from jwtapi.storage.api_keys import OwnedKey
from jwtapi.storage.clients import Client
from jwtapi.storage.event_search import FoundEvent
from jwtapi.storage.mails import QueuedMail
from jwtapi.web.schemas import EXAMPLE_ID, EXAMPLE_TIME, Schema, TextOrNull, Time, TimeOrNull, or_null

EXAMPLE_CURSOR = "WzQ3MTFd"

_Id: TypeAlias = Annotated[UUID, Field(examples=[EXAMPLE_ID])]
_IdOrNull: TypeAlias = Annotated[UUID | None, or_null("string", format="uuid"), Field(examples=[EXAMPLE_ID])]
_NumberOrNull: TypeAlias = Annotated[int | None, or_null("integer")]
_Next: TypeAlias = Annotated[
    TextOrNull,
    Field(description="`after` of the next page. null: there is none.", examples=[EXAMPLE_CURSOR]),
]


class AuditEvent(Schema):
    """Something that happened."""

    id: Annotated[int, Field(description="Later events have higher ids.", examples=[4711])]
    at: Time
    type: Annotated[str, Field(examples=["login.succeeded"])]
    user_id: Annotated[_IdOrNull, Field(description="Whom it is about.")]
    username: Annotated[
        TextOrNull,
        Field(description="The present name of the user; null if there is none any more.", examples=["ada"]),
    ]
    session_id: _IdOrNull
    actor_id: Annotated[
        _IdOrNull,
        Field(description="The administrator who acted; null for the user and for the command line.", examples=[None]),
    ]
    actor_username: Annotated[TextOrNull, Field(description="The present name of the actor.", examples=[None])]
    address: Annotated[
        TextOrNull, Field(description="Where it came from; null for the command line.", examples=["198.51.100.7"])
    ]
    request_id: Annotated[TextOrNull, Field(description="Finds the request in the log.", examples=["5f0c1e9d7a3b48c6"])]
    details: Annotated[
        dict[str, Any] | None,
        or_null("object", additionalProperties=True),
        Field(description="What else is known; it depends on the type.", examples=[None]),
    ]

    @classmethod
    def of(cls, found: FoundEvent) -> Self:
        event = found.event
        return cls(
            id=event.id,
            at=event.at,
            type=event.type,
            user_id=event.user_id,
            username=found.username,
            session_id=event.session_id,
            actor_id=event.actor_id,
            actor_username=found.actor_username,
            address=event.address,
            request_id=event.request_id,
            details=dict(event.details) if event.details is not None else None,
        )


class AuditEventPage(Schema):
    """A page of events, the newest first. If `next` is not null, others follow, even if the page has no event."""

    events: list[AuditEvent]
    next: _Next


class ListedApiKey(Schema):
    """An API key, without the key itself."""

    id: _Id
    name: Annotated[str, Field(examples=["backup"])]
    user_id: _Id
    username: Annotated[str, Field(description="The owner.", examples=["ada"])]
    roles: Annotated[
        list[str] | None,
        or_null("array", items={"type": "string"}),
        Field(description="Of these, it has those that its owner has. null: it has all of them.", examples=[["staff"]]),
    ]
    created_at: Time
    expires_at: Annotated[TimeOrNull, Field(description="null: it does not expire.")]
    last_used_at: Annotated[TimeOrNull, Field(description="Some minutes inexact. null: it was not used.")]

    @classmethod
    def of(cls, owned: OwnedKey) -> Self:
        key = owned.key
        return cls(
            id=key.id,
            name=key.name,
            user_id=key.user_id,
            username=owned.username,
            roles=key.roles,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class ListedApiKeyPage(Schema):
    """A page of API keys, the newest first."""

    keys: list[ListedApiKey]
    next: _Next


class ListedClient(Schema):
    """A service or an app with an id and a secret of its own."""

    id: _Id
    name: Annotated[str, Field(examples=["billing"])]
    scopes: Annotated[list[str], Field(examples=[["introspect"]])]
    created_at: Time

    @classmethod
    def of(cls, client: Client) -> Self:
        return cls(id=client.id, name=client.name, scopes=client.scopes, created_at=client.created_at)


class ListedClients(Schema):
    """All clients, by name."""

    clients: list[ListedClient]


class ListedMail(Schema):
    """A mail that waits or was given up. What it contains is made when it is sent."""

    id: _Id
    kind: Annotated[str, Field(examples=["test"])]
    state: Annotated[MailState, Field(description="`failed`: no further attempt follows.", examples=["waiting"])]
    user_id: Annotated[_IdOrNull, Field(description="Whom it is about.", examples=[None])]
    recipient: Annotated[
        TextOrNull,
        Field(
            description="The address, without most of its first part; null if it is looked up when the mail is sent.",
            examples=["a…@example.com"],
        ),
    ]
    language: Annotated[str, Field(examples=["en"])]
    created_at: Time
    next_attempt_at: Annotated[TimeOrNull, Field(description="null: none follows.", examples=[EXAMPLE_TIME])]
    attempts: Annotated[int, Field(description="How many have begun.", examples=[0])]
    last_error: Annotated[TextOrNull, Field(description="Why the last attempt failed.", examples=[None])]

    @classmethod
    def of(cls, mail: QueuedMail, now: datetime) -> Self:
        return cls(
            id=mail.id,
            kind=mail.kind,
            state=state_of(mail, now),
            user_id=mail.user_id,
            recipient=masked(mail.recipient) if mail.recipient is not None else None,
            language=mail.language,
            created_at=mail.created_at,
            next_attempt_at=mail.due_at if mail.failed_at is None else None,
            attempts=mail.attempts,
            last_error=mail.last_error,
        )


class ListedMailPage(Schema):
    """A page of mails, in no order that means anything."""

    mails: list[ListedMail]
    next: _Next


class SignInsOfHour(Schema):
    hour: Annotated[datetime, Field(description="When it began.", examples=["2026-11-23T14:00:00Z"])]
    succeeded: Annotated[int, Field(examples=[41])]
    failed: Annotated[int, Field(examples=[3])]


class HashQueue(Schema):
    """The password hashes of this process, one of `workers`."""

    pending: Annotated[int, Field(description="Hashes that are computed, or wait for a thread.", examples=[0])]
    most: Annotated[int, Field(description="More are refused: 503 `overloaded`.", examples=[34])]


class DashboardNumbers(Schema):
    """What goes on. A number that could not be counted quickly is null."""

    counted_at: Annotated[
        datetime,
        Field(
            description="When all but `hashQueue` and `limitsHit` was counted: at most a minute ago.",
            examples=[EXAMPLE_TIME],
        ),
    ]
    sign_ins: Annotated[
        list[SignInsOfHour],
        Field(
            description=f"The last {HOURS} hours, the earliest first. Those that take too long to count are missing."
        ),
    ]
    sessions_alive: Annotated[_NumberOrNull, Field(examples=[12])]
    users: Annotated[_NumberOrNull, Field(description=f"The count ends at {MAX_USERS}.", examples=[7])]
    mails_waiting: Annotated[_NumberOrNull, Field(examples=[0])]
    mails_failed: Annotated[_NumberOrNull, Field(description="Mails that were given up.", examples=[0])]
    hash_queue: HashQueue
    limits_hit: Annotated[
        dict[str, int],
        Field(
            description="Requests that this process, one of `workers`, has refused since it started, by limit.",
            examples=[{"login": 2}],
        ),
    ]
    workers: Annotated[int, Field(description="Processes of this server.", examples=[1])]

    @classmethod
    def of(cls, numbers: Numbers) -> Self:
        counts = numbers.counts
        return cls(
            counted_at=counts.counted_at,
            sign_ins=[SignInsOfHour(**each._asdict()) for each in counts.sign_ins],
            sessions_alive=counts.sessions_alive,
            users=counts.users,
            mails_waiting=counts.mails.waiting if counts.mails is not None else None,
            mails_failed=counts.mails.failed if counts.mails is not None else None,
            hash_queue=HashQueue(pending=numbers.hashes_pending, most=numbers.most_hashes_pending),
            limits_hit=dict(numbers.limits_hit),
            workers=numbers.workers,
        )
