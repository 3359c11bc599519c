import base64
import hashlib
import re
from pathlib import Path

import pytest

from jwtapi.security.foreign_hashes.errors import CostTooHigh, Malformed, RefusedHash, UnknownScheme
from jwtapi.security.foreign_hashes.importing import SCHEMES, ImportOptions, import_hash
from jwtapi.security.foreign_hashes.reading import read_stored

CHEAP = ImportOptions(wrap_cost=4)
REST = "." * 53
A22, A43, A86 = "A" * 22, "A" * 43, "A" * 86
B22, B43 = "B" * 22, "B" * 42 + "A"
OF_KEYCLOAK = (
    '{"secretData": {"value": "AAAA", "salt": "AAAA"}, "credentialData": {"algorithm": %s, "hashIterations": %s}}'
)

OF_ARGON2 = OF_KEYCLOAK.replace('"hashIterations": %s', '"hashIterations": 1, "additionalParameters": %s') % (
    '"argon2"',
    '{"version": ["%s"], "type": ["%s"], "memory": ["7168"], "parallelism": ["%s"]}',
)


@pytest.mark.parametrize(
    ("text", "scheme", "error"),
    (
        ("", None, UnknownScheme),
        ("hunter2", None, UnknownScheme),
        ("5f4dcc3b5aa765d61d8327deb882cf99", None, UnknownScheme),  # which of the hashes of 16 bytes?
        ("{FOO}hunter2", None, UnknownScheme),
        ("$y$j9T$hunter2$x", None, UnknownScheme),
        (f"$2b$04${REST}", "hunter2", UnknownScheme),
        (f"$2b$04${REST}", "argon2", Malformed),
        (f"$2b$04${REST}", "sha512", Malformed),
        (f"$2x$04${REST}", None, Malformed),
        (f"$2$04${REST}", None, Malformed),
        (f"$2z$04${REST}", None, Malformed),
        (f"$2b$03${REST}", None, Malformed),
        (f"$2b$31${REST}", None, CostTooHigh),
        (f"$2b$04${REST}.", None, Malformed),
        (f"$2b$04${REST}\n.", None, Malformed),
        ("$2b$04$hunter2", None, Malformed),
        ("$bcrypt-sha256$v=2,t=2b,r=12$hunter2", None, Malformed),
        (f"$bcrypt-sha256$v=2,t=2b,r=17${A22}${'A' * 31}", None, CostTooHigh),
        (f"$bcrypt-sha256$v=2,t=2b,r=04${A22}${'A' * 31}", None, Malformed),  # neither we nor passlib write it so
        (f"$bcrypt-sha256$2a,04${A22}${'A' * 31}", None, Malformed),
        (f"$argon2d$v=19$m=65536,t=3,p=4${A22}${A43}", None, UnknownScheme),
        (f"$argon2id$v=16$m=65536,t=3,p=4${A22}${A43}", None, Malformed),
        (f"$argon2id$m=65536,t=3,p=4${A22}${A43}", None, Malformed),
        (f"$argon2id$v=19$m=65536,t=3,p=4,keyid=hunter2${A22}${A43}", None, Malformed),
        (f"$argon2id$v=19$m=65536,t=0,p=4${A22}${A43}", None, Malformed),
        (f"$argon2id$v=19$m=31,t=1,p=4${A22}${A43}", None, Malformed),
        (f"$argon2id$v=19$m=65536,t=3,p=4$hunter2${A43}", None, Malformed),
        (f"$argon2id$v=19$m=65536,t=3,p=4${A22}$hunter2", None, Malformed),
        (f"$argon2id$v=19$m=4294967296,t=3,p=4${A22}${A43}", None, CostTooHigh),
        (f"$argon2id$v=19$m=99999999999,t=3,p=4${A22}${A43}", None, Malformed),
        (f"$scrypt$ln=14,r=8,p=0${A22}${A43}", None, Malformed),
        (f"$scrypt$ln=0,r=8,p=1${A22}${A43}", None, Malformed),
        (f"$scrypt$ln=16385,r=8,p=1${A22}${A43}", None, Malformed),
        (f"$scrypt$ln=16,r=1,p=1${A22}${A43}", None, Malformed),  # no scrypt has it
        (f"$scrypt$ln=16,r=2,p=1${A22}${A43}", None, None),
        (f"$scrypt$ln=15,r=1,p=1${A22}${A43}", None, None),
        (f"$scrypt$ln=1,r=1,p=1000${A22}${A43}", None, CostTooHigh),
        (f"$scrypt$ln=10,r=1,p=500${A22}${A43}", None, None),
        (f"$scrypt$ln=31,r=999999999,p=1${A22}${A43}", None, CostTooHigh),
        (f"scrypt:32768:8$salt${A43}", None, Malformed),
        (f"$pbkdf2-sha256$0${A22}${A43}", None, Malformed),
        (f"$pbkdf2-sha256$-5${A22}${A43}", None, Malformed),
        (f"$pbkdf2-sha256$010${A22}${A43}", None, Malformed),
        (f"$pbkdf2-sha256$1_000${A22}${A43}", None, Malformed),
        (f"$pbkdf2-sha256$٣٣٣${A22}${A43}", None, Malformed),
        (f"$pbkdf2-sha224$1000${A22}${A43}", None, UnknownScheme),
        (f"pbkdf2:md5:1000$salt${'a' * 32}", None, Malformed),
        (f"$pbkdf2-sha256$2000000${'A' * 400}${A43}", None, Malformed),
        (f"pbkdf2_sha256$1000${'s' * 129}${A43}=", None, Malformed),
        (f"$5$rounds=999$salt${A43}", None, Malformed),
        (f"$5$rounds=0$salt${A43}", None, Malformed),
        (f"$5$rounds=5000$saltsaltsaltsalts${A43}", None, Malformed),
        (f"$5$salt${A22}", None, Malformed),
        (f"$1$saltsalts${A22}", None, Malformed),
        (f"$1$salt${'!' * 22}", None, Malformed),
        (f"$P$4saltsalt{A22}", None, Malformed),
        (f"$P$Bsaltsalt{A22}A", None, Malformed),
        ("{SSHA}hunter2", None, Malformed),
        (f"{{SSHA}}{'A' * 1000}", None, Malformed),
        ("{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwkA", None, Malformed),
        ("$sha1$480000$salt$hunter2", None, Malformed),
        ("$sha1$pf=e1BBU1NXT1JEfSUle1NBTFR9$NW9w$YX0AW8/MW5ojUlnzTaR43ucHCog=", None, Malformed),
        ("md5$salt$hunter2", "django", Malformed),
        ("sha1$salt$2fb5e13419fc89246865e7a324f476ec624e8740", None, UnknownScheme),  # of Django, or of old Werkzeug?
        ("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "md5", Malformed),
        (
            "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
            "firebase",
            Malformed,
        ),
        ("AgAAAAEAACcQ", "aspnet_identity", Malformed),
        (
            "AQAAAAMAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
            "aspnet_identity",
            Malformed,
        ),
        (
            "AQAAAAEAACcQ/////wABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
            "aspnet_identity",
            Malformed,
        ),
        ('{"secretData": "hunter2"}', "keycloak", Malformed),
        ("[" * 3000, "keycloak", Malformed),
        (OF_ARGON2 % ("1.0", "id", "1"), "keycloak", Malformed),
        (OF_ARGON2 % ("1.3", "d", "1"), "keycloak", Malformed),
        (OF_ARGON2 % ("1.3", "id", "one"), "keycloak", Malformed),
        (OF_KEYCLOAK % ("1", "1"), "keycloak", Malformed),
        ("$firescrypt$ln=14,r=8,p=2$AAAA$AAAA$AAAA$AAAA", None, CostTooHigh),
        ("$firescrypt$ln=14,r=8,p=1$AAAA$AAAA$AAAA$AAAA", None, Malformed),
        (f"$firescrypt$ln=32,r=8,p=1$AAAA${A43}$AAAA${A43}", None, CostTooHigh),
        ("$fbscrypt$v=2,n=14,r=8,p=1,ss=AAAA,sk=AAAA$AAAA$AAAA", None, Malformed),
        (OF_KEYCLOAK % ('"hunter2"', "1"), "keycloak", UnknownScheme),
        (OF_KEYCLOAK % ('"pbkdf2"', "true"), "keycloak", Malformed),
        (f"$wrapped$20$sha1$after$AAAA$bcrypt-sha256$v=2,t=2b,r=17${A22}${'A' * 31}", None, CostTooHigh),
        (f"$wrapped$9999999999$sha1$after$AAAA$bcrypt-sha256$v=2,t=2b,r=4${A22}${'A' * 31}", None, Malformed),
        (f"$wrapped$20$sha1$hunter2$AAAA$bcrypt-sha256$v=2,t=2b,r=4${A22}${'A' * 31}", None, Malformed),
        (f"$wrapped$20$pbkdf2-sha1$2000001$AAAA$bcrypt-sha256$v=2,t=2b,r=4${A22}${'A' * 31}", None, CostTooHigh),
        (f"$wrapped$86$pbkdf2-sha1$2000000$AAAA$bcrypt-sha256$v=2,t=2b,r=4${A22}${'A' * 31}", None, Malformed),
        ("$wrapped$hunter2", None, Malformed),
        ("$2b$04$" + "ä" * 53, None, Malformed),
        ("x" * 5000, "md5", Malformed),
        (f"$pbkdf2-sha512$1000${'A' * 170}${A86}", None, Malformed),
    ),
)
def test_what_is_no_whole_hash_is_refused_with_a_reason_that_does_not_repeat_it(
    text: str, scheme: str | None, error: type[RefusedHash] | None
) -> None:
    if error is None:
        import_hash(text, scheme, CHEAP)
        return
    with pytest.raises(error) as refused:
        import_hash(text, scheme, CHEAP)
    reason = str(refused.value)
    assert reason
    assert "hunter2" not in reason
    assert refused.value.__cause__ is None
    assert not any(part in reason for part in text.split("$") if len(part) > 12)


@pytest.mark.parametrize(
    ("text", "scheme", "options"),
    (
        ("f3bbbd66a63d4bf1747940578ec3d0103530e21d", "sha1", CHEAP),
        (
            base64.b64encode(hashlib.sha512(b"salthunter2").digest()).decode(),
            "sha512",
            ImportOptions(salt="salt", wrap_cost=4),
        ),
        ("{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a", None, CHEAP),
        ("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/", None, CHEAP),
        (f"$P$7saltsalt{B22}", None, CHEAP),
        (f"$pbkdf2-sha256$999${A22}${B43}", None, CHEAP),
        (f"$scrypt$ln=4,r=8,p=1${A22}${B43}", None, CHEAP),
        (f"$argon2id$v=19$m=32,t=2,p=4${A22}${B43}", None, CHEAP),
    ),
    ids=("sha1", "sha512", "ssha", "md5_crypt", "phpass", "pbkdf2", "scrypt", "argon2"),
)
def test_a_hash_that_can_be_guessed_fast_is_stored_only_below_bcrypt(
    text: str, scheme: str | None, options: ImportOptions
) -> None:
    stored = import_hash(text, scheme, options)
    assert stored.startswith("$wrapped$")
    assert "$bcrypt-sha256$v=2,t=2b,r=4$" in stored
    assert text[-20:].rstrip("=") not in stored
    assert len(stored) <= 255
    assert import_hash(stored) == stored


def test_the_cost_around_a_fast_hash_is_that_of_the_options() -> None:
    stored = import_hash(hashlib.md5(b"x").hexdigest(), "md5", ImportOptions(wrap_cost=5))  # noqa: S324
    assert "$bcrypt-sha256$v=2,t=2b,r=5$" in stored


@pytest.mark.parametrize("encoding", ("text", "hex", "base64"))
def test_a_salt_is_read_as_its_source_writes_it(encoding: str) -> None:
    salt = b"salt+/"
    written = {"text": "salt+/", "hex": salt.hex(), "base64": base64.b64encode(salt).decode()}[encoding]
    options = ImportOptions(salt=written, salt_encoding=encoding, wrap_cost=4)  # type: ignore[arg-type]
    stored = read_stored(import_hash(hashlib.sha256(salt + b"hunter2").hexdigest(), "sha256", options))
    assert stored.matches(b"hunter2")


def test_neither_a_salt_nor_a_key_is_shown_with_the_options() -> None:
    assert "secret" not in repr(ImportOptions(salt="secret", signer_key="secret"))


def test_the_signer_key_of_firebase_is_not_stored() -> None:
    key = bytes(range(64))
    text = base64.b64encode(bytes(64)).decode()
    stored = import_hash(text, "firebase", ImportOptions(salt="AAAA", signer_key=base64.b64encode(key).decode()))
    assert base64.b64encode(bytes(64)).decode()[:40] not in stored
    assert len(stored) < 100


def test_a_stored_hash_shows_nothing_of_itself() -> None:
    stored = read_stored(f"$argon2id$v=19$m=65536,t=3,p=4${'S' * 22}${'D' * 43}")
    assert "SSS" not in repr(stored)
    assert "DDD" not in repr(stored)
    assert "..." not in repr(read_stored(f"$2b$04${REST}"))


def test_a_long_digest_of_pbkdf2_costs_no_more_than_its_first_block() -> None:
    """Keycloak takes 64 bytes of PBKDF2-SHA256, which are two blocks."""
    digest = base64.b64encode(hashlib.pbkdf2_hmac("sha256", b"hunter2", b"salt", 1000, 64)).decode().rstrip("=")
    stored = import_hash(f"$pbkdf2-sha256$1000$c2FsdA${digest}")
    assert stored == f"$pbkdf2-sha256$1000$c2FsdA${digest[:42]}" + stored[-1]
    assert read_stored(stored).matches(b"hunter2")


def test_the_documentation_lists_every_scheme() -> None:
    page = (Path(__file__).parents[3] / "docs" / "importing-hashes.md").read_text()
    first_cells = re.findall(r"^\| (`[^|]*`) \|", page.partition("## What is refused")[0], re.MULTILINE)
    assert sorted(name for cell in first_cells[1:] for name in re.findall(r"`(\w+)`", cell)) == sorted(SCHEMES)
    assert all(scheme.line for scheme in SCHEMES.values())
