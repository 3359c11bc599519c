"""The documentation of the endpoints for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from jwtapi.administration.documentation import changes, reads
from jwtapi.errors import NotFound
from jwtapi.features.admin_activity.schemas import EXAMPLE_CURSOR
from jwtapi.web.documentation import success
from jwtapi.web.pages import LIMIT_DOCUMENTATION, after_documentation
from jwtapi.web.query import wrong_parameter

_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_OPTIONAL = {"allowEmptyValue": True}
"""An empty parameter counts as missing."""


def _parameter(name: str, description: str, schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema, **_OPTIONAL, **more}


_PAGE = (after_documentation(EXAMPLE_CURSOR), LIMIT_DOCUMENTATION)
_FILTER = (
    _parameter("user", "Events about this user: the id or the name. Deleted users have no name.", _TEXT),
    _parameter("actor", "Acts of this user on others: the id or the name.", _TEXT),
    _parameter("type", "Events of this type.", _TEXT, example="login.failed"),
    _parameter("address", "Events from this network address.", _TEXT, example="203.0.113.7"),
    _parameter("from", "Events at this time or later.", _TIME, example="2026-11-23T00:00:00Z"),
    _parameter("to", "Events before this time.", _TIME, example="2026-11-24T00:00:00Z"),
)
_FORMAT = _parameter(
    "format", "CSV or JSON Lines.", {"type": "string", "enum": ["csv", "jsonl"]}, required=True, allowEmptyValue=False
)

PAGE_QUERY: dict[str, Any] = {"parameters": [*_PAGE]}
EVENTS_QUERY: dict[str, Any] = {"parameters": [*_FILTER, *_PAGE]}
EXPORT_QUERY: dict[str, Any] = {"parameters": [_FORMAT, *_FILTER]}

_WRONG_CURSOR = wrong_parameter("after", "Input should be the `next` of a page in the same order")
_WRONG_FORMAT = wrong_parameter("format", "Input should be csv or jsonl")

DASHBOARD = reads() | {200: success("The numbers.")}
CLIENTS = reads() | {200: success("The clients.")}
EVENTS = reads(_WRONG_CURSOR) | {200: success("The events.")}
KEYS = reads(_WRONG_CURSOR) | {200: success("The API keys.")}
MAILS = reads(_WRONG_CURSOR) | {200: success("The mails.")}
DELETE_CLIENT = changes(NotFound()) | {204: success("The client was deleted.")}
RETRY_MAIL = changes(NotFound()) | {204: success("The mail is sent within seconds.")}
DELETE_MAIL = changes(NotFound()) | {204: success("The mail was deleted.")}

_FILES = {"text/csv": {"schema": _TEXT}, "application/x-ndjson": {"schema": _TEXT}}
EXPORT = reads(_WRONG_FORMAT) | {200: success("The events.") | {"content": _FILES}}
EXPORT[200]["headers"]["Content-Disposition"] = {
    "description": "Makes browsers save the export as a file.",
    "schema": {"type": "string"},
    "example": 'attachment; filename="events.csv"',
}
