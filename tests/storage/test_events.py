from datetime import UTC, datetime
from uuid import uuid4

import pytest

from jwtapi.composition import features
from jwtapi.storage.database import Database
from jwtapi.storage.events import Event, EventType, Invalidates, invalidated_by
from tests.conftest import on_sqlite
from tests.support.api import Api

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_an_event_type_cannot_be_declared_twice_with_different_meanings() -> None:
    EventType("test.twice", Invalidates.NOTHING)
    EventType("test.twice", Invalidates.NOTHING)
    with pytest.raises(ValueError, match=r"test\.twice"):
        EventType("test.twice", Invalidates.USER)


def test_an_event_type_needs_a_name_that_fits_into_its_column() -> None:
    with pytest.raises(ValueError, match="too long"):
        EventType("x" * 41, Invalidates.NOTHING)
    assert "x" * 41 not in EventType.declared()


def test_an_event_type_must_state_what_it_invalidates() -> None:
    with pytest.raises(TypeError):
        EventType("test.silent")  # type: ignore[call-arg]


def test_an_event_of_a_later_version_invalidates_all_sessions_of_its_user() -> None:
    event = Event(0, NOW, "user.renamed_by_a_later_version", uuid4(), uuid4(), None, None)
    assert invalidated_by(event) is Invalidates.USER


def test_every_event_that_ends_or_changes_what_a_session_allows_says_so() -> None:
    features()
    invalidating = {name: type_.invalidates for name, type_ in EventType.declared().items() if "test." not in name}
    expected = {
        "session.revoked": Invalidates.SESSION,
        "sessions.revoked": Invalidates.USER,
        "session.reauthenticated": Invalidates.SESSION,
        "session.refresh_token_reused": Invalidates.NOTHING,
        "login.succeeded": Invalidates.NOTHING,
        "login.failed": Invalidates.NOTHING,
        "user.registered": Invalidates.NOTHING,
        "user.disabled": Invalidates.USER,
        "user.enabled": Invalidates.USER,
        "user.deleted": Invalidates.USER,
        "user.password_changed": Invalidates.USER,
        "user.roles_changed": Invalidates.USER,
    }
    assert invalidating.items() >= expected.items()


async def test_an_event_keeps_its_actor_and_its_details(api: Api) -> None:
    user_id, actor_id = uuid4(), uuid4()
    details = {"field": "roles", "before": ["a"], "after": []}
    event = Event(0, NOW, "user.roles_changed", user_id, None, None, None, actor_id, details)
    await api.services[Database].write(lambda uow: uow.events.add(event))
    (found,) = await api.services[Database].read(lambda uow: uow.events.of_user(user_id))
    assert (found.actor_id, found.details) == (actor_id, details)


@on_sqlite
async def test_an_event_without_details_has_null_in_the_database(api: Api) -> None:
    event = Event(0, NOW, "user.registered", uuid4(), None, None, None)
    await api.services[Database].write(lambda uow: uow.events.add(event))
    assert await api.sql("SELECT count(*) FROM events WHERE details IS NULL AND actor_id IS NULL") == [(1,)]
