"""The statements on the outbox use an index, so that a full outbox does not make each look slow."""

import asyncio
from uuid import UUID

from jwtapi.gauges import Gauges
from jwtapi.housekeeping import Housekeeping
from jwtapi.mail.delivery import LEASE
from jwtapi.mail.service import MailService
from jwtapi.storage.database import Database
from jwtapi.storage.unit_of_work import UnitOfWork
from tests.conftest import RunApi
from tests.mail.outbox import store_mail
from tests.storage.test_query_plans import scans
from tests.support.api import Api
from tests.support.statements import statements


async def use_outbox(api: Api) -> None:
    now = api.clock()
    first, second, third = [await store_mail(api) for _ in range(3)]

    def use(uow: UnitOfWork) -> None:
        claimed = uow.mails.claim(now, leased_until=now + LEASE, limit=10)
        assert {mail.id for mail in claimed} == {first, second, third}
        uow.mails.renew(claimed, now + LEASE)
        uow.mails.put_off(claimed[0], due_at=now, error="for now")
        uow.mails.give_up(claimed[1], at=now, error="for ever")
        uow.mails.hand_back(claimed[2:], now)
        uow.mails.delete(claimed[2].id)

    await api.services[Database].write(use)
    await api.services[MailService].retry([first])
    await api.services[Gauges].count_mails()
    await api.services[Housekeeping].prune("mails")


async def test_the_statements_on_the_outbox_use_an_index(run_api: RunApi) -> None:
    async with run_api({"mail_poll_seconds": 3600}) as api:
        with statements(api, lambda sql: "mails" in sql) as sent:
            await use_outbox(api)
        assert len({statement.sql for statement in sent}) >= 9
        found = await api.services[Database].read(
            lambda uow: {sql: whole for sql, values in sent if (whole := scans(uow.connection, sql, values))}
        )
        assert found == {}
        if api.services[Database].is_sqlite:
            (claim,) = [statement for statement in sent if statement.sql.startswith("WITH due")]
            plan = await api.services[Database].read(
                lambda uow: str(
                    uow.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {claim.sql}", claim.parameters).fetchall()
                )
            )
            assert "ix_mails_due_at" in plan
            assert "TEMP B-TREE" not in plan


async def test_simultaneous_claims_never_get_the_same_mail(run_api: RunApi) -> None:
    async with run_api({"mail_poll_seconds": 3600}) as api:
        stored = {await store_mail(api) for _ in range(40)}
        now = api.clock()

        async def claim() -> list[UUID]:
            claimed = await api.services[Database].write(
                lambda uow: uow.mails.claim(now, leased_until=now + LEASE, limit=10), autocommit=True
            )
            return [mail.id for mail in claimed]

        claimed: list[UUID] = []
        async with asyncio.timeout(30):
            while len(claimed) < len(stored):
                for ids in await asyncio.gather(*(claim() for _ in range(8))):
                    claimed += ids
        assert len(claimed) == len(stored)
        assert set(claimed) == stored
        assert await claim() == []
