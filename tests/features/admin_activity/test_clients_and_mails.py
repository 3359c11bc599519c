import pytest

from jwtapi.caller import COMMAND_LINE
from jwtapi.clients.scopes import Scope
from jwtapi.clients.service import ClientService
from jwtapi.storage.database import Database
from tests.conftest import RunApi
from tests.features.admin_activity.people import add_mail, administrator
from tests.support.api import Api, error_of
from tests.support.smtp import Mailbox

MAILS = "/api/admin/mails"


async def test_a_client_is_listed_without_its_secret_and_refused_once_deleted(api: Api) -> None:
    ada = await administrator(api)
    created = await api.services[ClientService].create("billing", [Scope.INTROSPECT], COMMAND_LINE)
    client_id, secret = str(created.client.id), created.secret
    body = (await ada.get("/api/admin/clients")).json()
    assert body == {
        "clients": [
            {
                "id": client_id,
                "name": "billing",
                "scopes": ["introspect"],
                "createdAt": api.clock().isoformat().replace("+00:00", "Z"),
            }
        ]
    }
    ask = {"data": {"token": "a.b.c"}, "auth": (client_id, secret)}
    assert (await api.client().post("/introspect", **ask)).status_code == 200  # type: ignore[arg-type]
    assert (await ada.delete(f"/api/admin/clients/{client_id}")).status_code == 204
    assert (await api.client().post("/introspect", **ask)).status_code == 401  # type: ignore[arg-type]
    (event,) = [event for event in await api.events(None) if event.type == "client.deleted"]
    assert (event.actor_id, event.details) == ((await api.user("ada")).id, {"client_id": client_id})
    assert error_of(await ada.delete(f"/api/admin/clients/{client_id}"))[:2] == (404, "not_found")
    assert error_of(await ada.delete("/api/admin/clients/billing"))[:2] == (404, "not_found")


async def test_an_act_by_an_api_key_names_the_key(api: Api) -> None:
    ada = await administrator(api)
    created = (await ada.post("/api/keys", json={"name": "cleaner", "roles": ["admin"]})).json()
    client = (await api.services[ClientService].create("billing", [], COMMAND_LINE)).client
    program = api.client(Authorization=f"Bearer {created['key']}")
    assert (await program.delete(f"/api/admin/clients/{client.id}")).status_code == 204
    (event,) = [event for event in await api.events(None) if event.type == "client.deleted"]
    assert event.actor_id == (await api.user("ada")).id
    assert event.details == {"client_id": str(client.id), "key_id": created["id"]}


async def test_mails_are_listed_without_whole_addresses_in_pages(api: Api) -> None:
    ada = await administrator(api)
    waiting, failed = await add_mail(api), await add_mail(api, None, failed=True)
    first = (await ada.get(MAILS, params={"limit": 1})).json()
    second = (await ada.get(MAILS, params={"limit": 1, "after": first["next"]})).json()
    assert second["next"] is None
    found = {mail["id"]: mail for mail in first["mails"] + second["mails"]}
    common = {
        "kind": "test",
        "userId": str((await api.user("ada")).id),
        "language": "en",
        "createdAt": api.clock().isoformat().replace("+00:00", "Z"),
    }
    assert found == {
        str(waiting.id): {
            "id": str(waiting.id),
            "state": "waiting",
            "recipient": "a…@example.com",
            "nextAttemptAt": waiting.due_at.isoformat().replace("+00:00", "Z"),
            "attempts": 0,
            "lastError": None,
        }
        | common,
        str(failed.id): {
            "id": str(failed.id),
            "state": "failed",
            "recipient": None,
            "nextAttemptAt": None,
            "attempts": 3,
            "lastError": "the mail server refuses the mail: 550 no",
        }
        | common,
    }


async def test_a_mail_that_was_given_up_is_sent_again(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        ada = await administrator(api)
        mail = await add_mail(api, failed=True)
        assert (await ada.post(f"{MAILS}/{mail.id}/retry")).status_code == 204
        await mailbox.next("alice@example.com")
        (event,) = [event for event in await api.events("ada") if event.type == "mail.retried"]
        assert event.actor_id == event.user_id == (await api.user("ada")).id
        assert event.details == {"mail_id": str(mail.id), "kind": "test"}


async def test_to_retry_a_mail_that_has_not_failed_changes_nothing(api: Api) -> None:
    ada = await administrator(api)
    mail = await add_mail(api)
    assert (await ada.post(f"{MAILS}/{mail.id}/retry")).status_code == 204
    assert await api.services[Database].read(lambda uow: uow.mails.get(mail.id)) == mail
    assert "mail.retried" not in await api.event_types("ada")


async def test_a_deleted_mail_is_gone_and_the_event_has_its_kind(api: Api) -> None:
    ada = await administrator(api)
    mail = await add_mail(api)
    assert (await ada.delete(f"{MAILS}/{mail.id}")).status_code == 204
    assert (await ada.get(MAILS)).json()["mails"] == []
    (event,) = [event for event in await api.events("ada") if event.type == "mail.deleted"]
    assert event.details == {"mail_id": str(mail.id), "kind": "test"}


@pytest.mark.parametrize("mail_id", ("57001f9a-9d44-4b66-bdf3-4d03d733879e", "x"))
async def test_a_mail_that_is_not_there_cannot_be_sent_or_deleted(api: Api, mail_id: str) -> None:
    ada = await administrator(api)
    assert error_of(await ada.post(f"{MAILS}/{mail_id}/retry"))[:2] == (404, "not_found")
    assert error_of(await ada.delete(f"{MAILS}/{mail_id}"))[:2] == (404, "not_found")
