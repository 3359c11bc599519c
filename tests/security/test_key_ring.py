"""Which keys sign, verify and are published, at every moment of histories."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from jwtapi.errors import StorageUnavailable
from jwtapi.security.key_pairs import KeyPair, new_key_pair, public_key_of
from jwtapi.security.key_ring import KeyRing, RingKey
from jwtapi.security.secret_keys import SecretKeys

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIFETIME = 900
OVERLAP = LIFETIME + 60
MAX_AGE = 90 * 24 * 3600
SECRETS = SecretKeys(b"s" * 32)
SECRET = SECRETS.signing_key()
A, B, C = (new_key_pair("ES256") for _ in range(3))


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


class Ring:
    """A ring on a clock that tests set."""

    def __init__(self, *keys: RingKey, begins_with_secret: bool = False) -> None:
        self.now = BEGIN
        self.ring = KeyRing(
            SECRETS,
            lambda: self.now,
            token_lifetime=timedelta(seconds=LIFETIME),
            begins_with_secret=begins_with_secret,
            max_age=timedelta(seconds=MAX_AGE),
        )
        if keys:
            self.ring.replace(keys)

    def signs(self) -> KeyPair | object:
        return self.ring.signing_key()

    def verify(self) -> set[object]:
        """Return which of all keys verify."""
        return {
            key for kid in (None, A.kid, B.kid, C.kid, "HS256", "", "unknown") for key in self.ring.verifying_keys(kid)
        }

    def published(self) -> list[str]:
        return [jwk["kid"] for jwk in self.ring.published()]


def key(pair: KeyPair | None, sign_from: float, *, is_foreign: bool = False) -> RingKey:
    return RingKey(pair, at(sign_from), is_foreign)


def moments(*times: float) -> Iterator[float]:
    """Every moment at which something can change, one before it, and one after it."""
    for time in times:
        yield from (time - 0.001, time, time + 0.001)


def test_at_every_moment_of_two_rotations_exactly_the_promised_keys_sign_verify_and_are_published() -> None:
    ring = Ring(key(A, 0), key(B, 10_000), key(C, 20_000))
    starts = {A: 0, B: 10_000, C: 20_000}
    ends = {A: 10_000 + OVERLAP, B: 20_000 + OVERLAP, C: float("inf")}
    for time in moments(5_000, 10_000, 10_000 + OVERLAP, 20_000, 20_000 + OVERLAP, 10**9):
        ring.now = at(time)
        promised = [pair for pair in (C, B, A) if time < ends[pair]]
        assert ring.signs() is next(pair for pair in (C, B, A) if starts[pair] <= time), time
        assert ring.verify() == set(promised), time
        assert ring.published() == [pair.kid for pair in promised], time


def test_at_every_moment_of_a_move_from_the_secret_to_pairs_and_back_one_of_them_signs() -> None:
    there = Ring(key(None, 0), key(A, 3_600))
    for time in moments(1, 3_600, 3_600 + OVERLAP, 10**9):
        there.now = at(time)
        assert there.signs() is (A if time >= 3_600 else SECRET), time
        assert there.verify() == ({A} if time >= 3_600 + OVERLAP else {A, SECRET}), time
        assert there.published() == [A.kid]
    back = Ring(key(None, 50_000), key(A, 3_600))
    for time in moments(40_000, 50_000, 50_000 + OVERLAP):
        back.now = at(time)
        assert back.signs() is (SECRET if time >= 50_000 else A), time
        assert back.verify() == ({SECRET} if time >= 50_000 + OVERLAP else {A, SECRET}), time
        assert back.published() == ([] if time >= 50_000 + OVERLAP else [A.kid]), time


@pytest.mark.parametrize("revoked", (A, B, C))
def test_from_the_moment_of_its_revocation_a_key_signs_nothing_verifies_nothing_and_is_not_published(
    revoked: KeyPair,
) -> None:
    for time in (0, 10_000, 10_000 + OVERLAP - 1, 20_000, 30_000):
        ring = Ring(key(A, 0), key(B, 10_000), key(C, 20_000))
        ring.now = at(time)
        before = ring.verify()
        ring.ring.revoke(revoked.kid)
        if left := before - {revoked}:
            assert ring.verify() == left
            assert revoked.kid not in ring.published()
        else:
            with pytest.raises(StorageUnavailable):
                ring.verify()


def test_a_key_that_was_replaced_for_good_does_not_return_when_its_successor_is_revoked() -> None:
    ring = Ring(key(A, 0), key(B, 10_000))
    ring.now = at(10_000 + OVERLAP)
    ring.ring.revoke(B.kid)
    for use in (ring.signs, ring.verify, ring.published):
        with pytest.raises(StorageUnavailable):
            use()


def test_a_key_that_was_just_replaced_signs_again_when_its_successor_is_revoked() -> None:
    ring = Ring(key(A, 0), key(B, 10_000))
    ring.now = at(10_000 + OVERLAP - 1)
    ring.ring.revoke(B.kid)
    assert ring.signs() is A
    ring.now = at(10**8)
    assert ring.verify() == {A}


def test_a_process_without_the_private_half_goes_on_with_the_key_before_only_while_others_accept_it() -> None:
    ring = Ring(key(A, 0), key(public_key_of(B.public_jwk), 10_000))
    ring.now = at(10_000 + OVERLAP - 1)
    assert ring.signs() is A
    ring.now = at(10_000 + OVERLAP)
    with pytest.raises(StorageUnavailable):
        ring.signs()


def test_foreign_keys_verify_beside_ours_until_they_are_replaced_or_too_old() -> None:
    """So a process with a wrong REFRESH_SECRET takes the key from nobody."""
    foreign, next_foreign = (public_key_of(pair.public_jwk) for pair in (B, C))
    ring = Ring(key(A, 0), key(foreign, 100, is_foreign=True))
    for time in moments(100, 100 + OVERLAP, 100 + MAX_AGE + OVERLAP):
        ring.now = at(time)
        assert ring.signs() is A
        assert ring.verify() == ({A} if time >= 100 + MAX_AGE + OVERLAP else {A, foreign}), time
    ring = Ring(key(A, 0), key(foreign, 100, is_foreign=True), key(next_foreign, 5_000, is_foreign=True))
    ring.now = at(5_000 + OVERLAP)
    assert ring.verify() == {A, next_foreign}


def test_a_ring_that_is_not_loaded_neither_signs_nor_refuses() -> None:
    ring = Ring()
    for use in (ring.signs, ring.verify, ring.published):
        with pytest.raises(StorageUnavailable):
            use()


def test_a_ring_that_begins_with_the_secret_uses_it_until_keys_are_loaded_and_refuses_no_key_that_it_may_not_know() -> (
    None
):
    ring = Ring(begins_with_secret=True)
    assert ring.signs() is SECRET
    assert list(ring.ring.verifying_keys(None)) == [SECRET]
    with pytest.raises(StorageUnavailable):
        ring.ring.verifying_keys(A.kid)
    ring.ring.replace([key(A, 0)])
    assert ring.signs() is A
    assert list(ring.ring.verifying_keys(None)) == []


@pytest.mark.parametrize("order", (lambda keys: keys, reversed))
def test_of_two_keys_that_begin_at_the_same_moment_every_process_signs_with_the_same(
    order: Callable[[list[RingKey]], list[RingKey]],
) -> None:
    ring = Ring(*order([key(A, 0), key(B, 0)]))
    assert ring.signs() is max(A, B, key=lambda pair: pair.kid)
