"""What the composition root makes of the features."""

import pickle
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from jwtapi import composition
from jwtapi.composition import features, settings_class
from jwtapi.feature import Feature
from jwtapi.settings import load_settings_without_secrets


class NotesSettings(BaseModel):
    max_notes: int = 100


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
