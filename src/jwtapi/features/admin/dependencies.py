"""The parameters of the search for users."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, TypeVar
from uuid import UUID

from fastapi import Depends, Request

from jwtapi.features.admin.directory import Page
from jwtapi.features.admin.schemas import EXAMPLE_CURSOR
from jwtapi.storage.user_search import Position, UserFilter, UserOrder, UserState
from jwtapi.users.search import MAX_SOUGHT, sought_by
from jwtapi.web.pages import LIMIT_DOCUMENTATION, after_documentation, decode_cursor, encode_cursor, read_limit
from jwtapi.web.query import read_query, wrong_parameter

Choice = TypeVar("Choice", bound=StrEnum)

_MAX_ROLE = 1024

QUERY_DOCUMENTATION: dict[str, Any] = {
    "parameters": [
        {
            "name": "query",
            "in": "query",
            "description": "The beginning of a user name or of a verified address, a whole id, or a whole external id.",
            "schema": {"type": "string", "maxLength": MAX_SOUGHT},
            "example": "frank",
        },
        {
            "name": "role",
            "in": "query",
            "description": "Only users who have this role.",
            "schema": {"type": "string", "maxLength": _MAX_ROLE},
            "example": "staff",
        },
        {
            "name": "state",
            "in": "query",
            "description": "Only users who are enabled or disabled, or only service accounts.",
            "schema": {"type": "string", "enum": list(UserState)},
            "allowEmptyValue": True,
            "example": "enabled",
        },
        {
            "name": "sort",
            "in": "query",
            "description": "The order, by name or by creation; with a hyphen, the last one comes first.",
            "schema": {"type": "string", "enum": list(UserOrder), "default": UserOrder.USERNAME},
            "allowEmptyValue": True,
            "example": "username",
        },
        after_documentation(EXAMPLE_CURSOR),
        LIMIT_DOCUMENTATION,
    ]
}


class UsersQuery(NamedTuple):
    which: UserFilter
    order: UserOrder
    after: Position | None
    limit: int


async def get_users_query(request: Request) -> UsersQuery:
    """Read the query.

    Raises:
        ValidationFailed
    """
    sent = read_query(request, ("query", "role", "state", "sort", "after", "limit"))
    typed, role = sent.get("query", ""), sent.get("role")
    if len(typed) > MAX_SOUGHT:
        raise wrong_parameter("query", f"Input should have at most {MAX_SOUGHT} characters")
    if role is not None and len(role) > _MAX_ROLE:
        raise wrong_parameter("role", f"Input should have at most {_MAX_ROLE} characters")
    state = _choice("state", sent["state"], UserState) if "state" in sent else None
    order = _choice("sort", sent.get("sort", UserOrder.USERNAME), UserOrder)
    after = _position(sent["after"], order) if "after" in sent else None
    return UsersQuery(UserFilter(sought_by(typed), role, state), order, after, read_limit(sent))


UsersQueryDep = Annotated[UsersQuery, Depends(get_users_query)]


def next_of(page: Page, order: UserOrder) -> str | None:
    """Return the cursor of the next page. It names the order, because it would mean another place in another one."""
    return encode_cursor(order.value, *page.next) if page.next is not None else None


def _position(cursor: str, order: UserOrder) -> Position:
    kinds = (str,) if order.is_by_name else (datetime, UUID)
    of_order, *position = decode_cursor(cursor, str, *kinds)
    if of_order != order:
        raise wrong_parameter("after", "Input should be the `next` of a page in the same order")
    return tuple(position)


def _choice(name: str, text: str, choices: type[Choice]) -> Choice:
    try:
        return choices(text)
    except ValueError:
        raise wrong_parameter(name, f"Input should be one of {', '.join(choices)}") from None
