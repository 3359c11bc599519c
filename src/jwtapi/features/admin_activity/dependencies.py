"""The parameters of the queries: filters, and where a page begins."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Request

from jwtapi.features.admin_activity.export import ExportFormat
from jwtapi.security.usernames import UsernameInvalid, parse_username
from jwtapi.storage.event_search import EventFilter, recorded_address
from jwtapi.web.pages import decode_cursor, read_limit
from jwtapi.web.query import read_query, wrong_parameter

_FILTER = ("user", "actor", "type", "address", "from", "to")
_PAGE = ("after", "limit")
_EVENT_ID = re.compile(r"[0-9]{1,18}")
_TYPE = re.compile(r"[a-z0-9_.]{1,40}")
_MAX_ADDRESS = 64
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
"""RFC 3339 §5.6."""
_AFTER_ALL = datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1)
"""A page begins somewhere, because SQLite would otherwise plan to read the whole table."""
_EARLIEST, _LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class EventQuery(NamedTuple):
    which: EventFilter
    before: int | None
    limit: int


class ExportQuery(NamedTuple):
    which: EventFilter
    form: ExportFormat


class KeyQuery(NamedTuple):
    before: tuple[datetime, UUID]
    limit: int


class MailQuery(NamedTuple):
    after: UUID | None
    limit: int


async def get_event_query(request: Request) -> EventQuery:
    """Raises: ValidationFailed."""
    parameters = read_query(request, (*_FILTER, *_PAGE))
    before = None
    if "after" in parameters:
        (event_id,) = decode_cursor(parameters["after"], str)
        if not _EVENT_ID.fullmatch(event_id):
            raise wrong_parameter("after", "Input should be the `next` of a page of events")
        before = int(event_id)
    return EventQuery(_filter_of(parameters), before, read_limit(parameters))


async def get_export_query(request: Request) -> ExportQuery:
    """Raises: ValidationFailed."""
    parameters = read_query(request, (*_FILTER, "format"))
    try:
        form = ExportFormat(parameters.get("format", ""))
    except ValueError:
        raise wrong_parameter("format", "Input should be csv or jsonl") from None
    return ExportQuery(_filter_of(parameters), form)


async def get_key_query(request: Request) -> KeyQuery:
    """Raises: ValidationFailed."""
    parameters = read_query(request, _PAGE)
    before = _AFTER_ALL
    if "after" in parameters:
        created_at, key_id = decode_cursor(parameters["after"], datetime, UUID)
        before = (created_at, key_id)
    return KeyQuery(before, read_limit(parameters))


async def get_mail_query(request: Request) -> MailQuery:
    """Raises: ValidationFailed."""
    parameters = read_query(request, _PAGE)
    after = None
    if "after" in parameters:
        (after,) = decode_cursor(parameters["after"], UUID)
    return MailQuery(after, read_limit(parameters))


EventQueryDep = Annotated[EventQuery, Depends(get_event_query)]
ExportQueryDep = Annotated[ExportQuery, Depends(get_export_query)]
KeyQueryDep = Annotated[KeyQuery, Depends(get_key_query)]
MailQueryDep = Annotated[MailQuery, Depends(get_mail_query)]


def _filter_of(parameters: Mapping[str, str]) -> EventFilter:
    type_ = parameters.get("type")
    if type_ is not None and not _TYPE.fullmatch(type_):
        raise wrong_parameter("type", "Input should be a type of events, such as login.failed")
    since, until = _time(parameters, "from"), _time(parameters, "to")
    if since is not None and until is not None and since > until:
        raise wrong_parameter("to", "Input should not be earlier than `from`")
    return EventFilter(
        user=_user(parameters, "user"),
        actor=_user(parameters, "actor"),
        type=type_,
        address=_address(parameters),
        since=since,
        until=until,
    )


def _user(parameters: Mapping[str, str], name: str) -> UUID | str | None:
    """Return the id, or the canonical name. What can be both is an id."""
    text = parameters.get(name)
    if text is None:
        return None
    if (user_id := _id_of(text)) is not None:
        return user_id
    try:
        return parse_username(text).canonical
    except UsernameInvalid:
        raise wrong_parameter(name, "Input should be the id or the name of a user") from None


def _address(parameters: Mapping[str, str]) -> str | None:
    text = parameters.get("address")
    if text is None:
        return None
    if len(text) > _MAX_ADDRESS or not text.isprintable():
        raise wrong_parameter("address", "Input should be an IP address")
    return recorded_address(text)


def _time(parameters: Mapping[str, str], name: str) -> datetime | None:
    text = parameters.get(name)
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.upper()).astimezone(UTC) if _TIME.fullmatch(text) else None
    except (ValueError, OverflowError):
        time = None
    if time is None or not _EARLIEST <= time <= _LATEST:
        raise wrong_parameter(name, "Input should be a time of RFC 3339, such as 2026-11-23T14:56:54Z")
    return time


def _id_of(text: str) -> UUID | None:
    """Return an id in its usual spelling. Python also accepts others."""
    try:
        parsed = UUID(text)
    except ValueError:
        return None
    return parsed if str(parsed) == text.lower() else None
