import cbor2
import pytest

from jwtapi.security.passkeys import Ceremonies, CeremonyFailed
from tests.support.authenticator import BE, BS, ED, UP, UV, Authenticator, cose_of, new_ec_key

CEREMONIES = Ceremonies("localhost", ["http://localhost:4000"])


def make_with(authenticator: Authenticator) -> None:
    options = CEREMONIES.creation_options(b"x" * 32, handle=b"h" * 64, username="alice", exclude=[])
    CEREMONIES.verify_creation(authenticator.create(options))


def test_a_key_is_accepted_with_extensions_and_without() -> None:
    make_with(Authenticator())
    make_with(Authenticator(flags=UP | UV | BE | BS | ED, extensions=cbor2.dumps({"credProtect": 3})))


@pytest.mark.parametrize("extensions", (b"", b"\xa0"))
def test_a_key_that_is_longer_than_need_be_is_refused(extensions: bytes) -> None:
    """The library encodes it again to find its end, so it would decode the rest of the key, which may have tags."""
    key = new_ec_key()
    shortest = cbor2.dumps(cose_of(key))
    longest = shortest.replace(b"\xa5\x01\x02", b"\xa5\x01\x1b" + (2).to_bytes(8, "big"))
    assert cbor2.loads(longest) == cbor2.loads(shortest)
    flags = UP | UV | BE | BS | (ED if extensions else 0)
    with pytest.raises(CeremonyFailed, match="canonical"):
        make_with(Authenticator(key=key, cose=longest, flags=flags, extensions=extensions))


@pytest.mark.parametrize(
    ("n", "e"),
    (
        (b"\xff" * 512, b"\xff" * 400),
        (b"\xff" * 256, b"\x7f" + b"\xff" * 255),
        (b"\xff" * 256, b"\x02\x00\x02"),
        (b"\xff" * 256, b"\x01"),
        (b"\xfe" * 256, b"\x01\x00\x01"),
    ),
    ids=("e is huge", "e is as long as n", "e is even", "e is 1", "n is even"),
)
def test_an_rsa_key_that_cannot_verify_is_refused(n: bytes, e: bytes) -> None:
    with pytest.raises(CeremonyFailed):
        make_with(Authenticator(cose=cbor2.dumps({1: 3, 3: -257, -1: n, -2: e})))
