import csv
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from jwtapi.features.admin_activity import export
from jwtapi.storage import event_search
from jwtapi.storage.database import Database
from tests.conftest import RunApi
from tests.features.admin_activity.people import administrator
from tests.support.api import BASE_URL, Api
from tests.support.events import add_many_events
from tests.support.statements import statements

PATH = "/api/admin/events/export"


async def as_csv(client: httpx.AsyncClient, **params: Any) -> list[dict[str, str]]:
    response = await client.get(PATH, params={"format": "csv", **params})
    assert response.status_code == 200
    return list(csv.DictReader(StringIO(response.text, newline="")))


async def as_json(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    response = await client.get(PATH, params={"format": "jsonl", **params})
    assert response.status_code == 200
    return [json.loads(line) for line in response.text.splitlines()]


async def test_an_export_is_a_file_with_the_events_that_are_listed(api: Api) -> None:
    ada = await administrator(api)
    await api.signed_in("alice")
    listed = (await ada.get("/api/admin/events", params={"user": "alice"})).json()["events"]
    assert len(listed) == 2
    assert await as_json(ada, user="alice") == listed
    cells = await as_csv(ada, user="alice")
    assert cells == [{name: "" if value is None else str(value) for name, value in each.items()} for each in listed]
    for form, media_type in (("csv", "text/csv; charset=utf-8"), ("jsonl", "application/x-ndjson")):
        response = await ada.get(PATH, params={"format": form, "user": "nobody"})
        assert response.headers["content-type"] == media_type
        assert response.headers["content-disposition"] == f'attachment; filename="events.{form}"'
        assert response.headers["cache-control"] == "no-store"
        assert len(response.text.splitlines()) == (form == "csv")


async def test_an_export_by_an_api_key_ends_with_the_key(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    ada = await administrator(api)
    created = (await ada.post("/api/keys", json={"name": "archive", "roles": ["admin"]})).json()
    program = api.client(Authorization=f"Bearer {created['key']}")
    assert len(await as_json(program)) > 2
    pieces: list[bytes] = []

    async def revoke(piece: bytes) -> None:
        pieces.append(piece)
        await ada.delete(f"/api/keys/{created['id']}")

    with capture_logs(), pytest.raises(RuntimeError, match="response already started"):
        await stream(api, program, revoke, format="jsonl")
    assert [piece.count(b"\n") for piece in pieces] == [2]


async def test_text_that_a_stranger_chose_is_no_formula_in_an_export(api: Api) -> None:
    ada = await administrator(api)
    name = '=HYPERLINK("http://evil.example","x")'
    mallory = api.client(**{"X-Request-ID": "-2.3_cmd"})
    assert (await mallory.post("/register", json={"username": name, "password": "x" * 20})).status_code == 201
    (event,) = await as_csv(ada, type="user.registered", user=name)
    assert (event["username"], event["requestId"]) == (f"'{name}", "'-2.3_cmd")
    (same,) = await as_json(ada, type="user.registered", user=name)
    assert (same["username"], same["requestId"]) == (name, "-2.3_cmd")


OnPiece = Callable[[bytes], Awaitable[object]]


async def stream(api: Api, client: httpx.AsyncClient, on_piece: OnPiece, **params: Any) -> None:
    """Export, and await `on_piece` after each piece of the body, before the server makes the next one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_tell(message: Message) -> None:
            await send(message)
            if message.get("body"):
                await on_piece(message["body"])

        await api.app(scope, receive, send_and_tell)

    transport = httpx.ASGITransport(app)  # raises what a server answers by cutting the connection
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as streaming:
        await streaming.get(PATH, params=params, headers={"Authorization": client.headers["Authorization"]})


async def test_ten_thousand_events_are_sent_in_pages_between_which_no_connection_is_held(run_api: RunApi) -> None:
    async with run_api(database_pool_size=1) as api:
        ada = await administrator(api)
        await add_many_events(api, 10_000, api.clock() - timedelta(days=10))
        user = await api.user("ada")
        pieces: list[bytes] = []

        async def write_meanwhile(piece: bytes) -> None:
            pieces.append(piece)
            await api.services[Database].write(lambda uow: uow.users.set_settings(user.id, {}))

        with statements(api, lambda sql: "AS walked" in sql) as sent:
            await stream(api, ada, write_meanwhile, format="jsonl")
    assert max(piece.count(b"\n") for piece in pieces) == export.PAGE
    assert len(sent) == len(pieces)
    ids = [json.loads(line)["id"] for line in b"".join(pieces).splitlines()]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) >= 10_000


async def test_an_export_goes_on_after_a_page_that_found_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await administrator(api)
    await add_many_events(api, 100, api.clock() - timedelta(days=10))
    monkeypatch.setattr(event_search, "WALK", 10)
    assert len(await as_csv(ada, type="login.succeeded", user="user-7")) == 1
    assert len(await as_csv(ada, type="login.failed", address="203.0.0.60")) == 1


@pytest.mark.parametrize("takes", ("the role", "the session", "the user"))
async def test_an_export_is_cut_off_when_its_administrator_is_none_any_more(
    api: Api, monkeypatch: pytest.MonkeyPatch, takes: str
) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    ada, other = await administrator(api), await administrator(api, "grace")
    user = await api.user("ada")
    pieces: list[bytes] = []

    async def take(piece: bytes) -> None:
        pieces.append(piece)
        if len(pieces) > 1:
            return
        match takes:
            case "the role":
                await api.set_roles(username="ada")
            case "the session":
                await other.delete(f"/api/admin/users/{user.id}/sessions")
            case _:
                await api.disable("ada")

    with capture_logs(), pytest.raises(RuntimeError, match="response already started"):
        await stream(api, ada, take, format="jsonl")
    assert [piece.count(b"\n") for piece in pieces] == [3]
