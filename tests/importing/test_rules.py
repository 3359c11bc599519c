"""Who is imported, under which name, and who is not."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from jwtapi.importing.hashes import Hashes
from jwtapi.importing.options import OnConflict, Part
from jwtapi.importing.records import PasswordHash
from jwtapi.storage.database import Database
from jwtapi.users.held_names import HeldNames
from tests.conftest import on_sqlite
from tests.importing.conftest import HASH, Import, lines
from tests.support.api import PASSWORD, Api


async def test_two_names_of_a_file_that_are_the_same_name_are_both_reported_and_neither_is_imported(
    api: Api, import_users: Import
) -> None:
    file = lines({"username": "Zoë"}, {"username": "bob"}, {"username": "ZOË"})
    imported = await import_users(file, batch=1)
    assert imported.outcomes == [("Zoë", "failed"), ("bob", "imported"), ("ZOË", "failed")]
    assert "the same user name" in (imported.reasons[0] or "")
    assert await api.sql("SELECT username FROM users") == [("bob",)]


@pytest.mark.parametrize(
    ("mode", "outcome"), ((OnConflict.FAIL, "failed"), (OnConflict.SKIP, "skipped"), (OnConflict.RENAME, "imported"))
)
async def test_the_operator_decides_what_happens_to_somebody_whose_name_is_taken(
    api: Api, import_users: Import, mode: OnConflict, outcome: str
) -> None:
    await api.signed_in("bob")
    imported = await import_users(
        lines({"username": "Bob", "passwordHash": HASH, "id": "1"}, {"username": "bob-2", "id": "2"}), on_conflict=mode
    )
    name = "Bob-3" if mode is OnConflict.RENAME else "Bob"
    assert imported.outcomes == [(name, outcome), ("bob-2", "imported")]
    assert imported.summary.has_failed is (mode is OnConflict.FAIL)
    assert (await api.user("bob")).external_id is None
    again = await import_users(lines({"username": "Bob", "id": "1"}), on_conflict=mode)
    assert again.outcomes[0][1] == ("exists" if mode is OnConflict.RENAME else outcome)


async def test_an_address_that_another_user_has_verified_and_an_id_of_another_user_are_conflicts(
    api: Api, import_users: Import
) -> None:
    first = {"username": "alice", "email": "a@example.com", "emailVerified": True, "id": "1"}
    await import_users(lines(first), trusts_verified=True)
    imported = await import_users(
        lines(
            {"username": "bob", "email": "A@example.com", "emailVerified": True, "id": "2"},
            {"username": "carol", "id": "1"},
            {"username": "dave", "email": "a@example.com", "id": "3"},
        ),
        trusts_verified=True,
        on_conflict=OnConflict.RENAME,
    )
    assert imported.reasons == [
        "another user has verified this e-mail address",
        "another user has this id",
        None,
    ]
    assert ((await api.user("dave")).email, (await api.user("dave")).pending_email) == (None, "a@example.com")


async def test_an_address_is_verified_only_if_the_source_says_so_and_the_operator_trusts_it(
    api: Api, import_users: Import
) -> None:
    users = [
        {"username": "alice", "email": "alice@example.com", "emailVerified": True},
        {"username": "bob", "email": "bob@example.com", "emailVerified": False},
    ]
    imported = await import_users(lines(users[0]))
    assert imported.summary.unverified == 1
    await api.delete("alice")
    await import_users(lines(*users), trusts_verified=True)
    alice, bob = await api.user("alice"), await api.user("bob")
    assert (alice.email, alice.pending_email, bob.email, bob.pending_email) == (
        "alice@example.com",
        None,
        None,
        "bob@example.com",
    )


async def test_names_are_made_from_addresses_and_are_the_same_in_each_run(api: Api, import_users: Import) -> None:
    await api.signed_in("taken")
    file = lines(
        {"email": "alice+news@example.com", "id": "1"},
        {"username": "john@a.example", "email": "john@a.example", "id": "2"},
        {"email": "john@b.example", "id": "3"},
        {"username": "taken@example.com"},
        {"email": "admin@example.com", "id": "5"},
        {"email": "-rf@example.com", "id": "6"},
        {"username": "old@example.com", "email": "new@example.com", "id": "7"},
    )
    imported = await import_users(file)
    names = [result.username or "" for result in imported.results]
    assert [name.partition("-")[0] for name in names] == ["alice", "john", "john", "taken", "admin", "rf", "old"]
    assert [len(name.partition("-")[2]) for name in names] == [0, 6, 6, 6, 6, 0, 0]
    assert (await api.user(names[3])).pending_email == "taken@example.com"
    again = await import_users(file)
    assert again.outcomes == [(name, "exists") for name in names]


@pytest.mark.parametrize("is_verified", (True, False))
async def test_a_name_that_is_an_address_comes_once_without_an_id_too(
    api: Api, import_users: Import, *, is_verified: bool
) -> None:
    people = ("alice@example.com", "bob@localhost", "@x")
    file = lines(*({"username": name, "emailVerified": is_verified} for name in people))
    imported = await import_users(file, trusts_verified=True)
    names = [result.username or "" for result in imported.results]
    assert [name.partition("-")[0] for name in names] == ["alice", "bob", "user"]
    # Nobody has verified what is only a name.
    assert (await api.user("alice")).pending_email == "alice@example.com"
    again = await import_users(file, trusts_verified=True)
    assert again.outcomes == [(name, "exists") for name in names]
    assert await api.sql("SELECT count(*) FROM users") == [(3,)]


async def test_the_same_address_twice_makes_no_two_users(import_users: Import) -> None:
    imported = await import_users(lines({"email": "a@example.com"}, {"email": "A@EXAMPLE.com"}))
    assert [outcome for _, outcome in imported.outcomes] == ["failed", "failed"]
    assert "the same e-mail address" in (imported.reasons[0] or "")


async def test_a_name_that_is_held_back_is_not_given_away(api: Api, import_users: Import) -> None:
    await api.services[Database].write(lambda uow: api.services[HeldNames].hold(uow, "alice"))
    imported = await import_users(lines({"username": "alice", "id": "1"}, {"username": "bob", "id": "2"}))
    assert imported.outcomes == [("alice", "failed"), ("bob", "imported")]
    assert "held back" in (imported.reasons[0] or "")


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"username": "a b"}, "user name: Username must have"),
    ({"username": "аdmin"}, "user name: Username must not mix"),  # the first letter is Cyrillic
    ({}, "neither a user name nor an e-mail address"),
    ({"username": "a", "email": "a@localhost"}, "no mail can be sent"),
    ({"username": "a", "password": "hunter2"}, "there is no member password"),
    ({"username": "a", "$2b$12$hunter2": 1}, "a member has a name that is not known"),
    ({"username": "a", "abcdefhunter2abcdefabcdefabcdef00": 1}, "a member has a name that is not known"),
    ({"username": "a", "emailVerified": "true"}, "emailVerified has the wrong type"),
    ({"username": "a", "id": True}, "id has the wrong type"),
    ({"username": "a", "id": "x" * 256}, "the id must be"),
    ({"username": "a", "id": "a\0b"}, "the id must be"),
    ({"username": "a", "roles": ["a,hunter2"]}, "a role is empty, or has a comma"),
    ({"username": "a", "roles": [1]}, "roles must be a list of texts"),
    ({"username": "a", "createdAt": "hunter2"}, "createdAt must be a time"),
    ({"username": "a", "createdAt": "2999-01-01T00:00:00Z"}, "in the future"),
    ({"username": "a", "metadata": {"a": "\0"}}, "NUL"),
    ({"username": "a", "metadata": {"a": "x" * 5000}}, "4096 bytes"),
    ({"username": "a", "totp": "hunter2!"}, "not base32"),
    ({"username": "a", "totp": "AAAA"}, "not 10 to 64 bytes"),
    ({"username": "a", "totp": {"secret": "JBSWY3DPEHPK3PXP", "digits": 8}}, "6 digits, 30 seconds and SHA-1"),
    ({"username": "a", "totp": {"secret": ""}}, "totp has no secret"),
    ({"username": "a", "passwordHash": "hunter2"}, "password hash: it begins as no hash"),
    ({"username": "a", "passwordHash": "hunter2", "scheme": "none"}, "password hash: no scheme has this name"),
    ({"username": "a", "passwordHash": f"$2b$17$hunter2{'x' * 46}"}, "password hash: bcrypt has a cost over 16"),
)


@on_sqlite
async def test_what_cannot_be_stored_is_reported_with_a_reason_that_repeats_no_secret(
    api: Api, import_users: Import
) -> None:
    for number, (line, reason) in enumerate(REFUSED):
        imported = await import_users(lines(line, {"username": f"next{number}"}))
        assert [result.outcome.value for result in imported.results] == ["failed", "imported"], line
        assert reason in (imported.reasons[0] or ""), line
        assert "hunter2" not in (imported.reasons[0] or ""), line
    stored = await api.sql("SELECT username FROM users")
    assert sorted(stored) == sorted((f"next{number}",) for number in range(len(REFUSED)))


async def test_parts_that_cannot_be_used_are_left_out_if_the_operator_says_so(api: Api, import_users: Import) -> None:
    line = {
        "username": "alice",
        "email": "alice@localhost",
        "passwordHash": "x",
        "metadata": {"a": "\0"},
        "totp": "AAAA",
    }
    imported = await import_users(lines(line), drops=frozenset(Part))
    assert imported.outcomes == [("alice", "imported")]
    assert (imported.reasons[0] or "").count("left out: ") == 4
    alice = await api.user()
    assert (alice.pending_email, alice.password_hash, alice.metadata, alice.second_factor_since) == (
        None,
        None,
        {},
        None,
    )


async def test_an_id_that_another_user_has_as_primary_key_is_kept_as_external_id_only(
    api: Api, import_users: Import
) -> None:
    await api.signed_in("bob")
    bob = await api.user("bob")
    await import_users(lines({"username": "alice", "id": str(bob.id)}))
    alice = await api.user()
    assert (alice.external_id, alice.id != bob.id) == (str(bob.id), True)


async def test_two_systems_that_count_from_1_come_with_a_prefix(api: Api, import_users: Import) -> None:
    await import_users(lines({"username": "alice", "id": "1"}))
    imported = await import_users(lines({"username": "bob", "id": "1"}), id_prefix="shop-")
    assert (imported.outcomes, (await api.user("bob")).external_id) == ([("bob", "imported")], "shop-1")


async def test_a_fast_hash_is_stored_below_a_slow_one_and_only_for_those_who_are_new(
    api: Api, import_users: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    md5 = "5f4dcc3b5aa765d61d8327deb882cf99"  # of "password"
    alice = {"username": "alice", "passwordHash": md5, "scheme": "md5", "id": "1"}
    imported = await import_users(lines(alice))
    assert imported.summary.wrapped == 1
    stored = (await api.user()).password_hash or md5
    assert (md5 not in stored, ",r=5$" in stored) == (True, True)
    client = api.client()
    bodies = ({"username": "alice", "password": password} for password in ("passwort", "password"))
    assert [(await client.post("/login", json=body)).status_code for body in bodies] == [401, 200]

    wrapped: list[PasswordHash] = []
    original = Hashes.wrap

    async def wrap(self: Hashes, hashes: Sequence[PasswordHash]) -> list[str]:
        wrapped.extend(hashes)
        return await original(self, hashes)

    monkeypatch.setattr(Hashes, "wrap", wrap)
    again = await import_users(
        lines(alice, {"username": "bob", "passwordHash": HASH}, alice | {"username": "carol", "id": "2"})
    )
    assert again.outcomes == [("alice", "exists"), ("bob", "imported"), ("carol", "imported")]
    assert len(wrapped) == 1


async def test_roles_are_found_by_the_search_for_roles_too(api: Api, import_users: Import) -> None:
    await import_users(
        lines({"username": "alice", "roles": ["editor", "admin"], "id": str(uuid4())}), trusts_admins=True
    )
    assert await api.sql("SELECT role FROM user_roles ORDER BY role") == [("admin",), ("editor",)]


async def test_nobody_gets_a_mail(api: Api, import_users: Import) -> None:
    await import_users(lines({"username": "alice", "email": "alice@example.com", "passwordHash": HASH}))
    assert await api.sql("SELECT count(*) FROM mails") == [(0,)]
    assert PASSWORD not in str(await api.events())
