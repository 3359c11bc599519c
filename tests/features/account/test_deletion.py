import asyncio
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from jwtapi.caller import COMMAND_LINE
from jwtapi.gauges import Gauges
from jwtapi.housekeeping import Housekeeping
from jwtapi.mail.notices import Notices
from jwtapi.security.link_tokens import LinkPurpose, LinkTokens
from jwtapi.storage.database import Database
from jwtapi.storage.invitations import Invitation
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User, users
from jwtapi.users.deletion import REMAINS, delete_user
from jwtapi.users.held_names import HeldNames
from tests.conftest import REFRESH_SECRET, RunApi, on_sqlite
from tests.sessions.test_cache import until_changes_are_heard
from tests.support.api import PASSWORD, Api, error_of, register, sign_in
from tests.support.gate import held
from tests.support.sessions import add_sessions
from tests.support.statements import changes_rows, sent_by_the_handler, statements

PATH = "/api/account"
OUT = (401, "token_invalid", "Invalid token")
TAKEN = (409, "username_taken", "Username already taken")
RIGHT = {"username": "alice", "password": PASSWORD}
DAY = 24 * 3600
NEW_SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"


async def leave(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.request("DELETE", PATH, json={"password": password})


async def clean_up_later(api: Api) -> None:
    api.clock.advance(REMAINS.total_seconds() + 1)
    await api.services[Housekeeping].clean_up()


async def test_after_a_deletion_nothing_signs_in_and_the_browser_forgets_the_session(
    api: Api, alice: httpx.AsyncClient
) -> None:
    phone = await sign_in(api.client())
    response = await leave(alice)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["set-cookie"].startswith('refreshToken=""; ')
    for client in (alice, phone):
        assert error_of(await client.get("/profile")) == OUT
        assert error_of(await client.get(PATH)) == OUT
    assert error_of(await phone.post("/refresh"))[:2] == (403, "refresh_token_invalid")
    assert error_of(await phone.post("/login", json=RIGHT))[:2] == (401, "invalid_credentials")


async def test_a_deleted_user_is_in_no_list_and_in_no_count(api: Api, alice: httpx.AsyncClient) -> None:
    bob = await api.signed_in("bob")
    await sign_in(alice)
    await leave(alice)
    listed = await api.services[Database].read(lambda uow: uow.users.list())
    assert [user.username for user in listed] == ["bob"]
    await api.services[Gauges].count_sessions()
    assert await api.services[Database].read(lambda uow: uow.sessions.count_alive(api.clock())) == 1
    assert (await bob.get("/profile")).status_code == 200


async def test_the_row_of_a_deleted_user_has_nothing_of_the_person(api: Api, alice: httpx.AsyncClient) -> None:
    user = await with_address(api)
    await alice.patch("/api/settings", json={"theme": "dark"})
    await api.set_roles("staff")
    await sign_in(alice)
    before = await api.user()
    await leave(alice)
    [row] = await api.services[Database].read(lambda uow: uow.connection.execute(select(users)).mappings().all())
    assert {name for name, value in row.items() if value} == {
        "id",
        "username",
        "canonical_username",
        "created_at",
        "disabled_at",
        "security_stamp",
        "deleted_at",
    }
    assert row["username"] == row["canonical_username"] == f" {user.id.hex}"
    assert row["security_stamp"] != before.security_stamp


async def with_address(api: Api, email: str = "alice@example.com") -> User:
    user = await api.user()
    change: dict[str, Any] = {"former_email": "old@example.com", "former_email_until": api.clock()}
    await api.services[Database].write(
        lambda uow: uow.users.change_email(user.id, email=email, canonical_email=email, **change)
    )
    return await api.user()


async def test_the_address_of_a_deleted_user_is_free_at_once(api: Api, alice: httpx.AsyncClient) -> None:
    await with_address(api)
    await leave(alice)
    await register(alice, "alice2")
    other = await api.user("alice2")
    change: dict[str, Any] = {"former_email": None, "former_email_until": None}
    address = "alice@example.com"
    await api.services[Database].write(
        lambda uow: uow.users.change_email(other.id, email=address, canonical_email=address, **change)
    )


@on_sqlite
@pytest.mark.parametrize("body", ({}, {"password": None}, {"password": ""}, {"password": 5}), ids=str)
async def test_a_deletion_needs_a_password(alice: httpx.AsyncClient, body: dict[str, Any]) -> None:
    response = await alice.request("DELETE", PATH, json=body)
    assert error_of(response)[:2] == (400, "validation_failed")
    assert (await alice.get("/profile")).status_code == 200


async def test_a_wrong_password_deletes_nothing_and_is_limited_by_user(run_api: RunApi) -> None:
    async with run_api(rate_limit_enabled=True, account_rate_limit="2/hour") as api:
        alice, bob = await api.signed_in(), await api.signed_in("bob")
        for _ in range(2):
            assert error_of(await leave(alice, "wrong"))[:2] == (403, "wrong_password")
        assert (await leave(alice)).status_code == 429
        assert (await alice.get("/profile")).status_code == 200
        assert (await leave(bob)).status_code == 204


async def test_a_deletion_needs_a_recent_sign_in(api: Api, alice: httpx.AsyncClient) -> None:
    api.clock.advance(601)
    response = await leave(alice)
    assert (response.status_code, response.json()["code"]) == (401, "insufficient_user_authentication")
    assert "max_age=600" in response.headers["www-authenticate"]
    await sign_in(alice)
    assert (await leave(alice)).status_code == 204


async def test_a_deletion_with_ten_thousand_sessions_takes_as_many_statements_as_with_one(api: Api) -> None:
    found = []
    for name, sessions in (("alice", 0), ("bob", 10_080)):
        client = await api.signed_in(name)
        if sessions:
            await api.sql("DELETE FROM sessions WHERE user_id IN (SELECT id FROM users WHERE deleted_at IS NOT NULL)")
            await add_sessions(api, sessions)
        with statements(api, sent_by_the_handler) as sent:
            assert (await leave(client)).status_code == 204
        found.append([statement.sql for statement in sent])
    assert found[0] == found[1]
    assert await api.sql("SELECT count(*) FROM events WHERE type = 'user.deleted'") == [(2,)]


async def test_of_two_deletions_at_once_one_deletes(api: Api, alice: httpx.AsyncClient) -> None:
    other = await sign_in(api.client())
    answers = await asyncio.gather(leave(alice), leave(other))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204
    assert statuses[1] in {401, 403}
    assert await api.sql("SELECT count(*) FROM events WHERE type = 'user.deleted'") == [(1,)]
    assert await api.sql("SELECT count(*) FROM held_names") == [(1,)]


async def test_a_login_a_refresh_and_a_registration_that_race_with_a_deletion_leave_nobody_signed_in(
    api: Api, alice: httpx.AsyncClient
) -> None:
    phone = await sign_in(api.client())
    requests = [
        leave(alice),
        *(api.client().post("/login", json=RIGHT) for _ in range(3)),
        phone.post("/refresh"),
        *(api.client().post("/register", json=RIGHT) for _ in range(3)),
    ]
    deletion, *others = await asyncio.gather(*requests)
    assert deletion.status_code == 204
    for answer in others:
        assert answer.status_code in {200, 401, 403, 409}
        if answer.status_code == 200:  # it came before the deletion
            token = {"Authorization": f"Bearer {answer.json()['accessToken']}"}
            assert error_of(await api.client().get("/profile", headers=token)) == OUT
    assert await api.sql("SELECT count(*) FROM users WHERE deleted_at IS NULL") == [(0,)]


async def test_a_deletion_whose_password_was_changed_meanwhile_deletes_nothing(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Database.write

    async def after_a_change(database: Database, unit: Any, **options: Any) -> Any:
        monkeypatch.setattr(Database, "write", write)
        changed = await alice.put(
            "/api/password", json={"currentPassword": PASSWORD, "newPassword": "another password"}
        )
        assert changed.status_code == 204
        return await write(database, unit, **options)

    monkeypatch.setattr(Database, "write", after_a_change)
    assert error_of(await leave(alice))[:2] == (403, "wrong_password")
    assert (await api.user()).deleted_at is None


async def test_a_registration_that_waits_for_the_deletion_of_its_name_is_refused(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looked the name up before somebody else registered and deleted it."""
    await api.signed_in()
    user = await api.user()
    monkeypatch.setattr(HeldNames, "is_free", lambda *_: True)
    waiting_at_the_database = asyncio.Event()
    write = Database.write

    async def write_and_tell(database: Database, unit: Any, **options: Any) -> Any:
        waiting_at_the_database.set()
        return await write(database, unit, **options)

    def delete(uow: UnitOfWork) -> None:
        delete_user(uow, user, api.clock(), COMMAND_LINE)
        api.services[HeldNames].hold(uow, "alice")

    async with held(api.services[Database].write, delete):
        monkeypatch.setattr(Database, "write", write_and_tell)
        registering = asyncio.create_task(api.client().post("/register", json=RIGHT))
        await waiting_at_the_database.wait()
        assert not registering.done()
    assert error_of(await registering) == TAKEN


async def test_a_link_that_is_out_is_void_after_the_deletion(api: Api, alice: httpx.AsyncClient) -> None:
    user = await api.user()
    token = api.services[LinkTokens].issue(
        LinkPurpose.RESET_PASSWORD, user.id, bound_to=user.link_state, expires_at=api.clock() + timedelta(minutes=30)
    )
    await leave(alice)
    response = await alice.post("/password/reset", json={"token": token, "password": "another password"})
    assert error_of(response)[:2] == (400, "link_invalid")


async def test_a_deletion_takes_effect_in_another_process(run_api: RunApi) -> None:
    async with run_api() as one, run_api() as another:
        await until_changes_are_heard(another)
        alice = await one.signed_in()
        guest = another.client(Authorization=alice.headers["authorization"])
        assert (await guest.get("/profile")).status_code == 200
        await leave(alice)
        while (response := await guest.get("/profile")).status_code == 200:
            await asyncio.sleep(0)
        assert error_of(response) == OUT
        assert error_of(await another.client().post("/login", json=RIGHT))[0] == 401


async def test_housekeeping_deletes_what_is_left_in_batches_and_keeps_events_without_the_person(
    run_api: RunApi,
) -> None:
    async with run_api({"housekeeping_batch": 7}) as api:
        alice = await api.signed_in()
        await add_sessions(api, 20)
        await alice.patch(PATH, json={"username": "carol"})
        user = await api.user("carol")
        for _ in range(10):
            await alice.post("/login", json={"username": "carol", "password": "wrong"})
        for kind, failed_at in (("waiting", None), ("given up", api.clock())):
            await store_mail(api, kind, user, failed_at=failed_at)
        await api.signed_in("bob")
        await leave(await sign_in(alice, "carol"))
        api.clock.advance(REMAINS.total_seconds() - 1)
        with statements(api, changes_rows) as sent:
            await api.services[Housekeeping].clean_up()
        assert await api.sql("SELECT count(*) FROM users") == [(2,)]
        assert not [statement for statement in sent if statement.sql.startswith("UPDATE events")]
        with statements(api, changes_rows) as sent:
            await clean_up_later(api)
        assert len([statement for statement in sent if statement.sql.startswith("UPDATE events")]) == 3
        assert await api.sql("SELECT username FROM users") == [("bob",)]
        left = await api.services[Database].read(lambda uow: uow.events.of_user(user.id))
        assert [left[0].type, left[-1].type] == ["user.registered", "user.deleted"]
        assert {(event.address, event.request_id, event.details) for event in left} == {(None, None, None)}
        assert all(event.address is not None for event in await api.events("bob"))
        assert await api.sql("SELECT kind FROM mails") == [("waiting",)]
        assert await api.sql("SELECT count(*) FROM sessions") == [(1,)]


async def store_mail(api: Api, kind: str, user: User, failed_at: datetime | None) -> None:
    now, later = api.clock(), api.clock() + timedelta(days=1)
    mail = QueuedMail(uuid4(), kind, user.id, "alice@example.com", {}, "en", now, later, failed_at=failed_at)
    await api.services[Database].write(lambda uow: uow.mails.add(mail))


async def test_a_deletion_deletes_the_invitation_that_the_user_came_by_and_no_other(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await with_address(api)
    used = invitation_of("alice@example.com", used_at=api.clock())
    for each in (used, invitation_of("other@example.com", used_at=api.clock())):
        await api.services[Database].write(partial(store_invitation, each))
    await leave(alice)
    assert await api.sql("SELECT email FROM invitations") == [("other@example.com",)]


def store_invitation(invitation: Invitation, uow: UnitOfWork) -> None:
    uow.invitations.put(invitation)


def invitation_of(email: str, used_at: datetime | None) -> Invitation:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    return Invitation(uuid4(), b"k" * 32, email, email, ["staff"], now, now + timedelta(days=7), used_at)


async def test_a_logout_after_the_deletion_leaves_no_address_in_the_events(api: Api, alice: httpx.AsyncClient) -> None:
    user, phone = await api.user(), await sign_in(api.client())
    await leave(alice)
    assert (await phone.post("/logout")).status_code == 200
    await clean_up_later(api)
    left = await api.services[Database].read(lambda uow: uow.events.of_user(user.id))
    assert [event.type for event in left][-2:] == ["user.deleted", "session.revoked"]
    assert {event.address for event in left} == {None}


async def test_the_name_of_a_deleted_user_is_held_back_for_thirty_days_in_every_spelling(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await leave(alice)
    bob = await api.signed_in("bob")
    for name in ("alice", "ALICE", "ａlice"):
        assert error_of(await bob.post("/register", json=RIGHT | {"username": name})) == TAKEN
        assert error_of(await bob.patch(PATH, json={"username": name})) == TAKEN
    assert "alice" not in json.dumps(await api.sql("SELECT * FROM held_names"), default=str)
    api.clock.advance(29 * DAY)
    await api.services[Housekeeping].clean_up()
    assert error_of(await bob.post("/register", json=RIGHT)) == TAKEN
    api.clock.advance(DAY)
    await api.services[Housekeeping].clean_up()
    assert await api.sql("SELECT count(*) FROM held_names") == [(0,)]
    await register(bob)


async def test_a_held_and_a_taken_name_are_refused_after_the_same_statements(
    api: Api, alice: httpx.AsyncClient
) -> None:
    await register(api.client(), "bobby")
    await leave(alice)
    found = []
    for name in ("alice", "bobby"):
        with statements(api, sent_by_the_handler) as sent:
            assert error_of(await alice.post("/register", json=RIGHT | {"username": name})) == TAKEN
        found.append([statement.sql for statement in sent])
    assert found[0] == found[1]


async def test_a_name_stays_held_back_when_the_secret_is_replaced(run_api: RunApi) -> None:
    async with run_api() as api:
        await leave(await api.signed_in())
    async with run_api(refresh_secret=NEW_SECRET, refresh_secret_previous=REFRESH_SECRET) as api:
        assert error_of(await api.client().post("/register", json=RIGHT)) == TAKEN


async def test_the_notice_of_the_deletion_is_stored_with_the_deletion(
    api: Api, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_address(api)
    told: list[User] = []
    monkeypatch.setattr(Notices, "account_deleted", lambda _, __, before, ___: told.append(before))
    await leave(alice)
    assert [user.email for user in told] == ["alice@example.com"]
