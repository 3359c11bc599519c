"""Mails are sent from the outbox, whatever happens to the mail server, the database and the process."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import structlog

from jwtapi.background import _jobs
from jwtapi.composition import FAILED_MAIL_AGE
from jwtapi.errors import StorageUnavailable
from jwtapi.housekeeping import Housekeeping
from jwtapi.mail import delivery
from jwtapi.mail.delivery import LEASE, MAX_ATTEMPTS, Delivery, pause_after
from jwtapi.mail.errors import MailUnavailable
from jwtapi.mail.kinds import MAIL_KINDS, Composing, Letter, MailKind
from jwtapi.mail.outbox import Outbox
from jwtapi.mail.service import MailService
from jwtapi.storage.database import Database
from jwtapi.storage.mails import QueuedMail
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.conftest import RunApi, on_sqlite
from tests.mail.outbox import add_mail, only_mail, outbox_of, store_mail
from tests.support.api import Api
from tests.support.smtp import Mailbox

HOUR = 3600


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.01)


async def until_an_attempt_failed(api: Api) -> QueuedMail:
    """Wait until a mail has an error, and return it."""
    failed: list[QueuedMail] = []

    async def is_found() -> bool:
        failed.extend(mail for mail in await outbox_of(api) if mail.last_error is not None)
        return bool(failed)

    await until(is_found)
    return failed[0]


def let_time_pass(api: Api) -> None:
    """Move the clock beyond the longest pause."""
    api.clock.advance(2 * HOUR)
    api.services[Outbox].wake()


async def test_a_mail_is_sent_with_both_texts_and_the_headers_of_a_machine(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        mail_id = await add_mail(api)
        mail = await mailbox.next("alice@example.com")
        assert await mailbox.unread(api) == []
    assert mail.sender == "no-reply@example.com"
    assert mail.subject == "Test mail of auth.example.com"
    assert mail.links == ["https://auth.example.com/account"]
    assert "https://auth.example.com/account" in mail.html
    assert (mail.message["From"], mail.message["To"]) == ("Example <no-reply@example.com>", "alice@example.com")
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Message-ID"] == f"<{mail_id}@example.com>"
    assert mail.message["Date"].datetime == api.clock.now.replace(microsecond=0)


async def test_a_mail_that_was_stored_by_another_process_is_found(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api({"mail_poll_seconds": 0.05}, **mailbox.settings) as api:
        await store_mail(api)
        await mailbox.next("alice@example.com")


async def test_a_mail_waits_while_the_mail_server_is_down_and_is_sent_once_when_it_is_back(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    mailbox.stop()
    async with run_api(**mailbox.settings) as api:
        with structlog.testing.capture_logs() as logs:
            await add_mail(api)
            failed = await until_an_attempt_failed(api)
            assert (failed.attempts, failed.failed_at) == (1, None)
            assert failed.last_error == "the mail server cannot be reached: Connection refused"
            pause = failed.due_at - api.clock()
            assert timedelta(seconds=8) <= pause <= timedelta(seconds=12)
            mailbox.start()
            let_time_pass(api)
            await mailbox.next("alice@example.com")
            assert await mailbox.unread(api) == []
    levels = [(line["log_level"], line["event"]) for line in logs if line["event"].startswith("mails can")]
    assert levels == [("warning", "mails cannot be sent"), ("info", "mails can be sent again")]
    assert "alice" not in str(logs)


async def test_a_refused_recipient_is_given_up_and_stops_no_other_mail(run_api: RunApi, mailbox: Mailbox) -> None:
    mailbox.refuse("bob@example.com", "550 5.1.1 <bob@example.com>: see https://mail.example/?to=bob \x07")
    async with run_api(**mailbox.settings) as api:
        mail_id = await add_mail(api, "bob@example.com")
        await add_mail(api)
        await mailbox.next("alice@example.com")
        given_up = await until_an_attempt_failed(api)
        assert given_up.failed_at == api.clock()
        assert given_up.last_error == "the mail server refuses the mail: 550 5.1.1 … see …"
        mailbox.accept("bob@example.com")
        assert await api.services[MailService].retry([mail_id]) == 1
        let_time_pass(api)
        await mailbox.next("bob@example.com")


@pytest.mark.parametrize("answer", ("450 4.2.0 Greylisted", "530 5.7.0 Authentication required"))
async def test_a_recipient_that_is_refused_for_now_is_tried_again(
    run_api: RunApi, mailbox: Mailbox, answer: str
) -> None:
    mailbox.refuse("alice@example.com", answer)
    async with run_api(**mailbox.settings) as api:
        await add_mail(api)
        failed = await until_an_attempt_failed(api)
        assert failed.failed_at is None
        assert failed.last_error == f"the mail server refuses the mail: {answer}"
        assert not api.services[Delivery].is_failing
        mailbox.accept("alice@example.com")
        let_time_pass(api)
        await mailbox.next("alice@example.com")


async def test_a_message_that_the_server_refuses_is_given_up_without_the_link_in_the_reason(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    mailbox.answers_data_with = "554 5.7.1 URL https://auth.example.com/account#token=SECRET is on a list"
    async with run_api(**mailbox.settings) as api:
        with structlog.testing.capture_logs() as logs:
            await add_mail(api)
            given_up = await until_an_attempt_failed(api)
    assert given_up.last_error == "the mail server refuses the mail: 554 5.7.1 URL … is on a list"
    assert "SECRET" not in str(logs)


async def test_a_mail_that_the_server_is_slow_to_accept_holds_up_no_other(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        with mailbox.holding("slow@example.com") as until_held:
            await add_mail(api, "slow@example.com")
            await asyncio.to_thread(until_held)
            for number in range(25):
                await add_mail(api, f"user{number}@example.com")
            for number in range(25):
                await mailbox.next(f"user{number}@example.com")
        await mailbox.next("slow@example.com")


async def test_more_mails_than_fit_at_once_are_sent_without_a_further_wake(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api({"mail_poll_seconds": HOUR}, **mailbox.settings) as api:
        for number in range(25):
            await store_mail(api, f"user{number}@example.com")
        api.services[Outbox].wake()
        for number in range(25):
            await mailbox.next(f"user{number}@example.com")


async def test_a_silent_server_costs_an_attempt_and_no_more(
    run_api: RunApi, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jwtapi.mail.transport._ANSWER_SECONDS", 0.1)
    mailbox.is_silent = True
    async with run_api(**mailbox.settings) as api:
        await add_mail(api)
        assert (await until_an_attempt_failed(api)).last_error == "the mail server does not answer in time"
        mailbox.is_silent = False
        monkeypatch.undo()
        let_time_pass(api)
        await mailbox.next("alice@example.com")


@pytest.mark.parametrize(
    "recipient",
    (
        "alice@example.com\r\nBcc: eve@example.com",
        "alice@example.com\nRCPT TO:<eve@example.com>",
        "alice@example.com> SIZE=1",
        "alice@example.com\u2028Bcc: eve",
        "alice\x00@example.com",
        "alice@example.com, eve@example.com",
        "no address",
        "@",
        "alice@bü cher.example",
    ),
)
@on_sqlite
async def test_a_malformed_recipient_is_given_up_at_the_first_attempt_and_gets_nothing(
    run_api: RunApi, mailbox: Mailbox, recipient: str
) -> None:
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, recipient)
        given_up = await until_an_attempt_failed(api)
        assert (given_up.attempts, given_up.failed_at) == (1, api.clock())
        assert "malformed" in str(given_up.last_error)
        await add_mail(api)
        await mailbox.next("alice@example.com")
    assert [mail.recipient for mail in mailbox.received] == ["alice@example.com"]


async def test_workers_on_one_database_send_each_mail_once(run_api: RunApi, mailbox: Mailbox) -> None:
    count = 60
    async with run_api(**mailbox.settings) as one, run_api(**mailbox.settings) as another:
        for number in range(count):
            await add_mail(one, f"user{number}@example.com")
            another.services[Outbox].wake()
        await mailbox.unread(one)
    assert Counter(mail.recipient for mail in mailbox.received) == {f"user{n}@example.com": 1 for n in range(count)}


async def claimed_by_a_worker_that_dies(api: Api) -> None:
    now = api.clock()
    (mail,) = await api.services[Database].write(lambda uow: uow.mails.claim(now, leased_until=now + LEASE, limit=10))
    assert mail.attempts == 1


async def test_a_mail_whose_worker_died_is_sent_by_another_when_the_lease_has_ended(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api({"mail_poll_seconds": HOUR}) as api:
        await store_mail(api)
        await claimed_by_a_worker_that_dies(api)
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, "bob@example.com")
        await mailbox.next("bob@example.com")

        async def only_the_leased_one_is_left() -> bool:
            return len(await outbox_of(api)) == 1

        await until(only_the_leased_one_is_left)
        api.clock.advance(LEASE.total_seconds())
        api.services[Outbox].wake()
        await mailbox.next("alice@example.com")
        assert await mailbox.unread(api) == []


async def test_a_mail_at_which_workers_die_is_given_up_after_so_many_attempts(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, attempts=MAX_ATTEMPTS)
        given_up = await until_an_attempt_failed(api)
        assert given_up.failed_at == api.clock()
        assert "no attempt came to an end" in str(given_up.last_error)
    assert mailbox.received == []


async def test_a_mail_that_cannot_be_composed_is_put_off_and_stops_no_other(
    run_api: RunApi, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: UnitOfWork, __: QueuedMail, ___: Composing) -> Letter | None:
        raise ZeroDivisionError

    monkeypatch.setattr("jwtapi.mail.delivery.MAIL_KINDS", {**MAIL_KINDS, "poison": _kind("poison", fail)})
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, kind="poison")
        await add_mail(api, "bob@example.com")
        await mailbox.next("bob@example.com")
        failed = await until_an_attempt_failed(api)
        assert failed.failed_at is None
        assert failed.last_error == "an error of jwtapi, which the log has: ZeroDivisionError"


def _kind(name: str, compose: Callable[[UnitOfWork, QueuedMail, Composing], Letter | None]) -> MailKind:
    """Make a kind that is not declared."""
    kind = object.__new__(MailKind)
    object.__setattr__(kind, "name", name)
    object.__setattr__(kind, "compose", compose)
    return kind


async def test_a_mail_of_an_unknown_kind_waits_for_a_version_that_knows_it(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, kind="of_a_later_version")
        failed = await until_an_attempt_failed(api)
        assert failed.failed_at is None
        assert failed.last_error == "this version of jwtapi does not have this kind of mail"


async def test_a_mail_that_nobody_is_to_get_any_more_leaves_the_outbox(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, recipient=None)
        assert await mailbox.unread(api) == []
        assert await outbox_of(api) == []


async def test_a_mail_that_was_sent_during_an_outage_of_the_database_is_not_sent_again(
    run_api: RunApi, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_OUTAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "_DELETION_PAUSE_SECONDS", 0.5)  # the other worker has time to claim the mail
    monkeypatch.setattr(delivery, "_RECOVERY_SECONDS", HOUR)  # as long as the test
    often = {"mail_poll_seconds": 0.01}
    async with run_api(often, **mailbox.settings) as api, run_api(often, **mailbox.settings):
        with structlog.testing.capture_logs() as logs:
            with mailbox.holding("alice@example.com") as until_held:
                await add_mail(api)
                await asyncio.to_thread(until_held)
                await api.sql("ALTER TABLE mails RENAME TO away")
            await mailbox.next("alice@example.com")

            async def is_noticed() -> bool:
                events = Counter(line["event"] for line in logs)
                by_both = events["the database refuses the outbox"] == 2
                return by_both and events["a mail was sent and cannot be deleted yet"] == 1

            await until(is_noticed)
            # When the database is back, the lease has ended.
            api.clock.advance(2 * LEASE.total_seconds())
            await api.sql("ALTER TABLE away RENAME TO mails")
            assert await mailbox.unread(api) == []
    assert len(mailbox.received) == 1


async def test_a_worker_recovers_after_an_outage_of_the_database(
    run_api: RunApi, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_OUTAGE_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "_RECOVERY_SECONDS", 0)
    async with run_api({"mail_poll_seconds": 0.01}, **mailbox.settings) as api:
        database = api.services[Database]
        write, refused = database.write, asyncio.Event()

        async def refuse(*_: object, **__: object) -> None:
            refused.set()
            raise StorageUnavailable

        monkeypatch.setattr(database, "write", refuse)
        await refused.wait()
        monkeypatch.setattr(database, "write", write)
        await add_mail(api)
        await mailbox.next("alice@example.com")


async def test_leases_are_renewed_while_the_server_takes_its_time(
    run_api: RunApi, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_RENEWAL_SECONDS", 0.01)
    async with run_api(**mailbox.settings) as api:
        with mailbox.holding("alice@example.com") as until_held:
            await add_mail(api)
            await asyncio.to_thread(until_held)
            api.clock.advance(LEASE.total_seconds() - 1)

            async def is_renewed() -> bool:
                return (await only_mail(api)).due_at == api.clock() + LEASE

            await until(is_renewed)
        await mailbox.next("alice@example.com")
        assert await mailbox.unread(api) == []


async def test_a_stop_waits_for_a_mail_that_the_server_has(run_api: RunApi, mailbox: Mailbox) -> None:
    async with run_api(**mailbox.settings) as api:
        with mailbox.holding("alice@example.com") as until_held:
            await add_mail(api)
            await asyncio.to_thread(until_held)
            stopping = asyncio.create_task(stop_worker())
            await asyncio.sleep(0)
        await stopping
        assert await outbox_of(api) == []
    assert len(mailbox.received) == 1


async def stop_worker() -> None:
    """Let the worker end as at a stop of the server."""
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "mail")
    task.cancel()
    await asyncio.wait([task])


async def test_a_stop_hands_back_a_mail_that_cannot_have_reached_the_server(
    run_api: RunApi, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "_GRACE_SECONDS", 0)
    mailbox.is_silent = True
    async with run_api(**mailbox.settings) as api:
        await add_mail(api)

        async def is_claimed() -> bool:
            return (await only_mail(api)).attempts == 1

        await until(is_claimed)
    mailbox.is_silent = False
    async with run_api(**mailbox.settings) as api:
        handed_back = await only_mail(api)
        assert (handed_back.due_at, handed_back.last_error) == (api.clock(), None)
        api.services[Outbox].wake()
        await mailbox.next("alice@example.com")


async def test_the_attempts_take_about_a_day_and_then_the_mail_is_given_up(run_api: RunApi, mailbox: Mailbox) -> None:
    pauses = [pause_after(attempts) for attempts in range(1, MAX_ATTEMPTS)]
    assert timedelta(hours=22) < sum(pauses, timedelta()) < timedelta(hours=26)
    mailbox.stop()
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, attempts=MAX_ATTEMPTS - 1)
        given_up = await until_an_attempt_failed(api)
        assert given_up.failed_at == api.clock()
        assert given_up.last_error == "the mail server cannot be reached: Connection refused"
        assert await api.services[Housekeeping].prune("mails") == 0
        api.clock.advance(FAILED_MAIL_AGE.total_seconds())
        assert await api.services[Housekeeping].prune("mails") == 1


async def test_letting_all_be_sent_again_leaves_a_mail_alone_that_is_being_sent(
    run_api: RunApi, mailbox: Mailbox
) -> None:
    async with run_api(**mailbox.settings) as api:
        with mailbox.holding("alice@example.com") as until_held:
            await add_mail(api)
            await asyncio.to_thread(until_held)
            assert await api.services[MailService].retry(None) == 0
            api.services[Outbox].wake()
        assert await mailbox.unread(api)
    assert len(mailbox.received) == 1


@pytest.mark.parametrize(
    ("recipient", "envelope"),
    (
        ("alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
    ),
)
@on_sqlite
async def test_addresses_beyond_ascii_get_mail(
    run_api: RunApi, mailbox: Mailbox, recipient: str, envelope: str
) -> None:
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, recipient)
        mail = await mailbox.next(envelope)
    assert mail.message["To"] == envelope


@on_sqlite
async def test_an_address_that_the_server_cannot_deliver_to_is_given_up(run_api: RunApi, mailbox: Mailbox) -> None:
    mailbox.speaks_utf8 = False
    async with run_api(**mailbox.settings) as api:
        await add_mail(api, "jörg@example.com")
        given_up = await until_an_attempt_failed(api)
    assert given_up.failed_at is not None
    assert "SMTPUTF8" in str(given_up.last_error)


@on_sqlite
async def test_in_production_without_a_mail_server_there_is_no_worker_and_mail_is_refused(run_api: RunApi) -> None:
    async with run_api(environment="production", bcrypt_rounds=10) as api:
        assert "mail" not in {job.name for job in _jobs(api.services)}
        with pytest.raises(MailUnavailable):
            await api.services[MailService].test("alice@example.com")
