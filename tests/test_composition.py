"""What the composition root makes of the features."""

import pickle
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from jwtapi import composition
from jwtapi.composition import features, settings_class
from jwtapi.feature import Feature
from jwtapi.rate_limiting.limiter import RateLimiter
from jwtapi.rate_limiting.limits import Limit
from jwtapi.rate_limiting.memory import MemoryStorage
from jwtapi.settings import RateLimit, SettingsError, load_settings_without_secrets


class NotesSettings(BaseModel):
    max_notes: int = 100
    notes_rate_limit: RateLimit = "100/hour"


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One feature more, which has a setting."""
    with_notes = {**features(), "notes": Feature(settings=NotesSettings)}
    monkeypatch.setattr(composition, "features", lambda: with_notes)
    settings_class.cache_clear()
    yield
    settings_class.cache_clear()


@pytest.mark.usefixtures("notes")
def test_settings_of_a_feature_reach_the_processes_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_NOTES", "7")
    settings = load_settings_without_secrets(env_file=None, kind=settings_class())
    received = pickle.loads(pickle.dumps(settings))  # noqa: S301  as multiprocessing does
    assert received == settings
    assert isinstance(received, NotesSettings)
    assert received.max_notes == 7


@pytest.mark.usefixtures("notes")
def test_a_limit_reads_the_settings_of_its_feature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTES_RATE_LIMIT", "7/hour")
    limit = Limit(name="notes of the composition", amount=lambda settings: settings.notes_rate_limit)
    settings = load_settings_without_secrets(env_file=None, kind=settings_class())
    assert RateLimiter(settings, MemoryStorage()).item_of(limit).amount == 7


@pytest.mark.usefixtures("notes")
def test_a_malformed_limit_of_a_feature_is_refused_with_the_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTES_RATE_LIMIT", "often")
    with pytest.raises(SettingsError, match="NOTES_RATE_LIMIT"):
        load_settings_without_secrets(env_file=None, kind=settings_class())
