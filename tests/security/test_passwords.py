import asyncio
import os
import sys
import threading
import unicodedata
from threading import get_native_id
from typing import Literal

import bcrypt
import pytest

from jwtapi.errors import Overloaded
from jwtapi.security import passwords
from jwtapi.security.passwords import PasswordHasher


@pytest.fixture
def hasher() -> PasswordHasher:
    return PasswordHasher(rounds=4, threads=2)


@pytest.fixture
def computed(hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:  # noqa: ARG001  once it has made its own
    """The thread of each hash that was computed; what bcrypt refuses to compute takes no time."""
    threads = []
    hashpw = bcrypt.hashpw

    def spy(password: bytes, salt: bytes) -> bytes:
        result = hashpw(password, salt)
        threads.append(threading.current_thread())
        return result

    monkeypatch.setattr(bcrypt, "hashpw", spy)
    return threads


def plain_bcrypt(password: str, rounds: int = 4) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds)).decode()


def _wait(event: threading.Event) -> None:
    event.wait()


async def test_the_right_password_verifies_and_no_other(hasher: PasswordHasher) -> None:
    stored = await hasher.hash("correct horse")
    assert stored.startswith("$bcrypt-sha256$v=2,t=2b,r=4$")
    assert await hasher.verify("correct horse", stored)
    assert not await hasher.verify("Correct horse", stored)


@pytest.mark.parametrize(
    ("one", "other"),
    (("x" * 72 + "A", "x" * 72 + "B"), ("a\0b", "a\0c"), ("a\0b", "a"), (" a", "a"), ("a ", "a"), ("\0a", "")),
)
async def test_every_character_matters(hasher: PasswordHasher, one: str, other: str) -> None:
    assert not await hasher.verify(other, await hasher.hash(one))


async def test_composition_does_not_matter(hasher: PasswordHasher) -> None:
    composed = unicodedata.normalize("NFC", "pässwörd")
    assert await hasher.verify(unicodedata.normalize("NFD", composed), await hasher.hash(composed))


@pytest.mark.parametrize("character", ("\U0001d160", "\u0958", "\u0301", "é"))
async def test_the_longest_password_can_be_had_in_any_characters(hasher: PasswordHasher, character: str) -> None:
    longest = character * 1024
    stored = await hasher.hash(longest)
    assert await hasher.verify(longest, stored)
    assert not await hasher.verify(longest[:-1], stored)


async def test_a_password_that_is_too_long_is_not_even_normalised(
    hasher: PasswordHasher, computed: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await hasher.hash("correct horse")
    lengths = []

    def spy(form: Literal["NFC"], text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    normalize = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", spy)
    for length in (1024, 1025, 65_536):
        assert not await hasher.verify(("\u0301\u0316" * length)[:length], stored)
    assert max(lengths) == 1024
    assert len(computed) == 4


async def test_plain_bcrypt_verifies_and_wants_an_update(hasher: PasswordHasher) -> None:
    stored = plain_bcrypt("correct horse")
    assert await hasher.verify("correct horse", stored)
    assert hasher.needs_update(stored)


async def test_another_cost_wants_an_update_and_ours_does_not(hasher: PasswordHasher) -> None:
    stored = await hasher.hash("correct horse")
    assert not hasher.needs_update(stored)
    assert PasswordHasher(rounds=5).needs_update(stored)


@pytest.mark.parametrize(
    ("password", "stored"),
    (
        ("correct horse", None),
        ("correct horse", "garbage"),
        ("correct horse", "$2b$31$abcdefghijklmnopqrstuuPLkVLuWfXvEtvKQ1nLRT8oJMVC.Pa/W"),
        ("correct horse", "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$AAAA"),
        ("x" * 100, plain_bcrypt("correct horse")),
        ("x" * 5000, plain_bcrypt("correct horse")),
        ("x" * 5000, None),
        ("nul\0", plain_bcrypt("correct horse")),
        ("wrong", plain_bcrypt("correct horse")),
    ),
    ids=range(9),
)
async def test_a_refusal_costs_one_hash_whatever_is_stored(
    hasher: PasswordHasher, computed: list[threading.Thread], password: str, stored: str | None
) -> None:
    assert not await hasher.verify(password, stored)
    assert len(computed) == 1


async def test_hashing_leaves_the_event_loop_alone(hasher: PasswordHasher, computed: list[threading.Thread]) -> None:
    await hasher.verify("correct horse", None)
    assert computed[0] is not threading.main_thread()
    assert computed[0].name.startswith("hashing")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a policy for each thread")
async def test_hashing_interrupts_nobody_but_gives_up_no_share_of_the_cores(hasher: PasswordHasher) -> None:
    seen = []
    for _ in range(2):
        await hasher.hash(
            "correct horse",
            after=lambda: seen.append((os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, get_native_id()))),
        )
    assert set(seen) == {(os.SCHED_BATCH, os.getpriority(os.PRIO_PROCESS, get_native_id()))}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


async def test_a_full_queue_refuses_and_then_recovers(hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_PER_THREAD", 1)
    release = threading.Event()
    waiting = [asyncio.create_task(hasher.hash("correct horse", after=lambda: _wait(release))) for _ in range(4)]
    await asyncio.sleep(0)
    assert hasher.pending == 4
    with pytest.raises(Overloaded):
        await hasher.verify("correct horse", None)
    release.set()
    await asyncio.gather(*waiting)
    assert not await hasher.verify("correct horse", None)


async def test_who_gives_up_waiting_still_counts_until_the_work_is_done(hasher: PasswordHasher) -> None:
    release, started = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        release.wait()

    task = asyncio.create_task(hasher.hash("correct horse", after=work))
    await asyncio.to_thread(started.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert hasher.pending == 1
    release.set()
    while hasher.pending:
        await asyncio.sleep(0)


async def test_a_check_that_fails_leaves_the_queue_empty(hasher: PasswordHasher) -> None:
    def refuse() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await hasher.hash("correct horse", after=refuse)
    while hasher.pending:
        await asyncio.sleep(0)
    assert not hasher.pending
