import asyncio
import base64
import hashlib
import hmac
import os
import re
import sys
import threading
import unicodedata
from hashlib import sha256
from threading import get_native_id
from typing import Any, Literal

import bcrypt
import pytest
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf import argon2
from passlib.hash import bcrypt_sha256, phpass, sha512_crypt

from jwtapi.security.passwords import Overloaded, PasswordHasher


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
async def test_every_character_of_a_password_matters(hasher: PasswordHasher, one: str, other: str) -> None:
    assert not await hasher.verify(other, await hasher.hash(one))


async def test_a_password_verifies_in_every_unicode_composition(hasher: PasswordHasher) -> None:
    composed = unicodedata.normalize("NFC", "pässwörd")
    assert await hasher.verify(unicodedata.normalize("NFD", composed), await hasher.hash(composed))


@pytest.mark.parametrize("character", ("\U0001d160", "\u0958", "\u0301", "é"))
async def test_a_password_of_the_greatest_length_can_have_any_characters(
    hasher: PasswordHasher, character: str
) -> None:
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


@pytest.mark.parametrize(
    "stored",
    (
        plain_bcrypt("correct horse"),
        plain_bcrypt("correct horse").replace("$2b$", "$2a$"),
        plain_bcrypt("correct horse").replace("$2b$", "$2y$"),  # PHP
        f"bcrypt${plain_bcrypt('correct horse')}",  # Django
        f"bcrypt_sha256${plain_bcrypt(sha256(b'correct horse').hexdigest())}",  # Django
        "{bcrypt}" + plain_bcrypt("correct horse"),  # Spring
        "{CRYPT}" + plain_bcrypt("correct horse"),  # LDAP
        bcrypt_sha256.using(version=1, rounds=4).hash("correct horse"),  # passlib before 1.7.3
        f" {plain_bcrypt('correct horse')}\r\n",
    ),
    ids=range(9),
)
async def test_a_bcrypt_hash_of_another_system_verifies_and_needs_an_update(
    hasher: PasswordHasher, computed: list[threading.Thread], stored: str
) -> None:
    assert await hasher.verify("correct horse", stored)
    assert not await hasher.verify("Correct horse", stored)
    assert len(computed) == 2
    assert hasher.needs_update(stored)


@pytest.mark.parametrize("opening", ("", "bcrypt$", "{bcrypt}"))
async def test_a_hash_of_the_first_72_bytes_verifies_the_password_that_its_library_cut(
    hasher: PasswordHasher, opening: str
) -> None:
    password = "ü" * 35 + "€" + "tail"  # the cut goes through a character
    stored = opening + bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    assert await hasher.verify(password, stored)
    assert not await hasher.verify("u" + password[1:], stored)
    assert hasher.needs_update(stored)


async def test_a_plain_bcrypt_hash_verifies_the_password_up_to_its_first_zero_byte(
    hasher: PasswordHasher, computed: list[threading.Thread]
) -> None:
    """Libraries in C saw no more of it."""
    cut, whole = plain_bcrypt("correct"), plain_bcrypt("correct horse")
    computed.clear()
    assert await hasher.verify("correct\0horse", cut)
    assert not await hasher.verify("correct\0horse", whole)
    assert len(computed) == 2


COMPOSED = "Ångström ﬁ"


@pytest.mark.parametrize("form", ("NFC", "NFD", "NFKC"))
async def test_a_foreign_hash_of_a_text_that_was_not_normalised_verifies_as_it_is_typed(
    hasher: PasswordHasher, form: Literal["NFC", "NFD", "NFKC"]
) -> None:
    hashed = unicodedata.normalize(form, COMPOSED)
    assert await hasher.verify(hashed, plain_bcrypt(hashed))


@pytest.mark.parametrize(
    ("password", "most"), (("correct horse", 1), ("Ångström", 1), (COMPOSED, 2), ("A\u030angström ﬁ", 3))
)
async def test_a_wrong_password_computes_at_most_three_foreign_hashes_and_one_for_ascii(
    hasher: PasswordHasher, computed: list[threading.Thread], password: str, most: int
) -> None:
    foreign, own = plain_bcrypt("another"), await hasher.hash("another")
    computed.clear()
    assert not await hasher.verify(password, foreign)
    assert len(computed) == most
    assert not await hasher.verify(password, own)
    assert len(computed) == most + 1


@pytest.mark.parametrize("typed", ("correct horse", """it's "correct" \\ horse"""))
@pytest.mark.parametrize("source", ("form", "wp-cli"))
async def test_a_hash_of_wordpress_verifies_with_the_backslashes_that_its_forms_put_before_quotes(
    hasher: PasswordHasher, typed: str, source: str
) -> None:
    hashed = re.sub(r"(['\"\\])", r"\\\1", typed) if source == "form" else typed
    digest = base64.b64encode(hmac.digest(b"wp-sha384", hashed.encode(), "sha384"))
    for stored in (f"$wp{bcrypt.hashpw(digest, bcrypt.gensalt(4)).decode()}", phpass.using(rounds=11).hash(hashed)):
        assert await hasher.verify(f" {typed}\n", stored)
        assert not await hasher.verify(f"{typed}.", stored)


async def test_a_foreign_hash_is_computed_on_a_hashing_thread_with_its_memory_bounded(
    hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def spy(secret: bytes, **parameters: Any) -> bytes:
        calls.append((threading.current_thread().name, parameters["maxmem"]))
        return scrypt(secret, **parameters)

    scrypt = hashlib.scrypt
    monkeypatch.setattr(hashlib, "scrypt", spy)
    stored = f"$scrypt$ln=16,r=8,p=1$c29tZXNhbHQ${'A' * 43}"
    assert not await hasher.verify("correct horse", stored)
    [(thread, memory)] = calls
    assert thread.startswith("hashing")
    assert memory == 65 * 1024 * 1024


@pytest.mark.parametrize("handler", (sha512_crypt.using(rounds=1000), phpass.using(rounds=11)), ids=("crypt", "phpass"))
async def test_no_password_of_more_than_512_bytes_matches_a_hash_whose_every_round_hashes_it(
    hasher: PasswordHasher, handler: Any
) -> None:
    longest, longer = "x" * 512, "x" * 513
    assert await hasher.verify(longest, handler.hash(longest))
    assert not await hasher.verify(longer, handler.hash(longest))
    assert not await hasher.verify(longer, handler.hash(longer))


async def test_a_hash_of_an_algorithm_that_this_installation_lacks_matches_no_password(
    hasher: PasswordHasher, computed: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `cryptography` that was built with OpenSSL before 3.2 has no argon2."""

    def refuse(**_: object) -> None:
        raise UnsupportedAlgorithm("argon2")

    monkeypatch.setattr(argon2, "Argon2id", refuse)
    assert not await hasher.verify("correct horse", f"$argon2id$v=19$m=64,t=1,p=1${'A' * 22}${'A' * 43}")
    assert len(computed) == 1


async def test_a_hash_that_cannot_be_checked_is_logged_once_by_its_scheme(hasher: PasswordHasher) -> None:
    with structlog.testing.capture_logs() as logs:
        for stored in ("$argon2d$v=19$hunter2", "$argon2i$v=19$x", "hunter2", "$2x$04$hunter2", "$2b$04$hunter2", ""):
            assert not await hasher.verify("hunter2", stored)
        assert not await hasher.verify("hunter2", None)
    assert [(line["log_level"], line["scheme"]) for line in logs] == [
        ("warning", "argon2"),
        ("warning", "damaged or too costly argon2"),
        ("warning", "another"),
        ("warning", "damaged or too costly bcrypt"),
    ]
    assert "hunter2" not in str(logs)


async def test_a_hash_of_another_cost_needs_an_update_and_one_of_ours_does_not(hasher: PasswordHasher) -> None:
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
        ("correct horse", f"$pbkdf2-sha256$2000001$c29tZXNhbHQ${'A' * 43}"),
        ("x" * 100, plain_bcrypt("correct horse")),
        ("correct horse", plain_bcrypt("correct horse").replace("$2b$", "$2x$")),
        ("correct horse", plain_bcrypt("correct horse")[:-1]),
        ("correct horse", ""),
        ("x" * 5000, plain_bcrypt("correct horse")),
        ("x" * 5000, None),
        ("nul\0", plain_bcrypt("correct horse")),
        ("wrong", plain_bcrypt("correct horse")),
    ),
    ids=range(13),
)
async def test_refusing_a_password_computes_one_hash_for_every_kind_of_stored_hash(
    hasher: PasswordHasher, computed: list[threading.Thread], password: str, stored: str | None
) -> None:
    assert not await hasher.verify(password, stored)
    assert len(computed) == 1


async def test_hashing_runs_on_a_thread_of_its_own(hasher: PasswordHasher, computed: list[threading.Thread]) -> None:
    await hasher.verify("correct horse", None)
    assert computed[0] is not threading.main_thread()
    assert computed[0].name.startswith("hashing")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a policy for each thread")
async def test_hashing_threads_have_the_batch_policy_and_the_usual_priority(hasher: PasswordHasher) -> None:
    seen = []
    for _ in range(2):
        await hasher.hash(
            "correct horse",
            after=lambda: seen.append((os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, get_native_id()))),
        )
    assert set(seen) == {(os.SCHED_BATCH, os.getpriority(os.PRIO_PROCESS, get_native_id()))}
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


async def test_a_full_queue_of_hashes_refuses_more_and_recovers() -> None:
    hasher = PasswordHasher(rounds=4, threads=2, waiting_per_thread=1)
    release = threading.Event()
    waiting = [asyncio.create_task(hasher.hash("correct horse", after=lambda: _wait(release))) for _ in range(4)]
    await asyncio.sleep(0)
    assert hasher.pending == 4
    with pytest.raises(Overloaded):
        await hasher.verify("correct horse", None)
    release.set()
    await asyncio.gather(*waiting)
    assert not await hasher.verify("correct horse", None)


async def test_a_cancelled_hash_counts_as_pending_until_its_work_is_done(hasher: PasswordHasher) -> None:
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


async def test_a_failed_check_leaves_the_queue_of_hashes_empty(hasher: PasswordHasher) -> None:
    def refuse() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await hasher.hash("correct horse", after=refuse)
    while hasher.pending:
        await asyncio.sleep(0)
    assert not hasher.pending
