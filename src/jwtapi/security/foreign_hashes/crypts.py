"""crypt(3) with SHA-2 and MD5, and phpass. passlib computes them in Python, which slows other threads down."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from passlib.registry import get_crypt_handler

from jwtapi.security.foreign_hashes.base import DigestHash, Recipe
from jwtapi.security.foreign_hashes.encoding import read_number, spellings_of_wordpress
from jwtapi.security.foreign_hashes.errors import CostTooHigh, Malformed

MAX_SHA2_ROUNDS = 1_000_000
MAX_PHPASS_LOG = 19
"""phpass computes two to the power of this many MD5."""

_MAX_SECRET = 512
"""Each round hashes the password again. libxcrypt refuses longer ones too."""

_FEW_PHPASS_LOG = 11
_MIN_SHA2_ROUNDS = 1000

_HASH64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SALT = re.compile(r"[./0-9A-Za-z]{0,16}", re.ASCII)
_PHPASS = re.compile(r"(\$[PH]\$)([./0-9A-Za-z])([./0-9A-Za-z]{8})", re.ASCII)
_PHPASS_SETTING = 12
"""Characters before the digest."""
_PHPASS_DIGEST = 22

_HANDLERS = {"5": "sha256_crypt", "6": "sha512_crypt", "1": "md5_crypt", "apr1": "apr_md5_crypt"}
"""The names that passlib gives them."""

_DEFAULT_SHA2_ROUNDS = 5000
_MAX_MD5_SALT = 8
_DIGESTS = {"5": 43, "6": 86, "1": 22, "apr1": 22}
"""Characters of each digest."""


@dataclass(frozen=True, slots=True)
class _Crypt(Recipe):
    """The digest is text in a notation of its own."""

    max_secret = _MAX_SECRET

    kind: str
    salt: bytes = field(repr=False)

    def derive(self, secret: bytes, size: int) -> bytes:  # noqa: ARG002  the notation decides
        secret = secret.partition(b"\0")[0]  # crypt(3) takes a text of C
        handler = get_crypt_handler(_HANDLERS[self.kind]).using(salt=self.salt.decode(), **self._cost)
        return str(handler.hash(secret)).rpartition("$")[2].encode()

    @property
    def _cost(self) -> dict[str, int]:
        return {}

    def write_digest(self, digest: bytes) -> str:
        return digest.decode()

    def read_digest(self, text: str) -> bytes:
        return _read_hash64(text, _DIGESTS[self.kind])


@dataclass(frozen=True, slots=True)
class Sha2Crypt(_Crypt):
    rounds: int
    """0 if the hash does not state them. Then they are 5,000."""

    def __post_init__(self) -> None:
        _check_salt(self.salt, 16)
        if 0 < self.rounds < _MIN_SHA2_ROUNDS:
            raise Malformed(f"crypt with SHA-2 has at least {_MIN_SHA2_ROUNDS:,} rounds")
        if self.rounds > MAX_SHA2_ROUNDS:
            raise CostTooHigh(f"crypt with SHA-2 has more than {MAX_SHA2_ROUNDS:,} rounds")

    @property
    def setting(self) -> str:
        rounds = f"rounds={self.rounds}$" if self.rounds else ""
        return f"${self.kind}${rounds}{self.salt.decode()}"

    @property
    def is_fast(self) -> bool:
        return False

    @property
    def _cost(self) -> dict[str, int]:
        return {"rounds": self.rounds or _DEFAULT_SHA2_ROUNDS}


@dataclass(frozen=True, slots=True)
class Md5Crypt(_Crypt):
    def __post_init__(self) -> None:
        _check_salt(self.salt, _MAX_MD5_SALT)

    @property
    def setting(self) -> str:
        return f"${self.kind}${self.salt.decode()}"

    @property
    def is_fast(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Phpass(Recipe):
    max_secret = _MAX_SECRET

    ident: str
    """`$P$` of WordPress and others, or `$H$` of phpBB."""
    log: str
    """The character that is the logarithm of the rounds."""
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if _log(self.log) < 7:  # noqa: PLR2004  the least of phpass
            raise Malformed("phpass has at least 128 rounds")
        if _log(self.log) > MAX_PHPASS_LOG:
            raise CostTooHigh(f"phpass has more than {2**MAX_PHPASS_LOG:,} rounds")

    @property
    def setting(self) -> str:
        return f"{self.ident}{self.log}{self.salt.decode()}"

    @property
    def is_fast(self) -> bool:
        return _log(self.log) < _FEW_PHPASS_LOG

    def spellings(self, secret: bytes) -> Sequence[bytes]:
        return spellings_of_wordpress(secret) if self.ident == "$P$" else (secret,)

    def derive(self, secret: bytes, size: int) -> bytes:  # noqa: ARG002
        handler = get_crypt_handler("phpass").using(salt=self.salt.decode(), rounds=_log(self.log), ident=self.ident)
        return str(handler.hash(secret))[_PHPASS_SETTING:].encode()

    def write(self, digest: bytes) -> str:
        return self.setting + digest.decode()


def read_sha2_recipe(name: str, fields: list[str]) -> Sha2Crypt:
    """Read `$6$SALT` or `$6$rounds=5000$SALT`."""
    rounds = 0
    if fields and fields[0].startswith("rounds="):
        rounds = read_number(fields[0].removeprefix("rounds="))
        if not rounds:
            raise Malformed("crypt with SHA-2 has no rounds")
        fields = fields[1:]
    return Sha2Crypt(name, _read_salt(fields), rounds)


def read_md5_recipe(name: str, fields: list[str]) -> Md5Crypt:
    """Read `$1$SALT` or `$apr1$SALT`."""
    return Md5Crypt(name, _read_salt(fields))


def read_phpass_recipe(setting: str) -> Phpass:
    """Read `$P$BSALTSALT`."""
    found = _PHPASS.fullmatch(setting)
    if found is None:
        raise Malformed("it is no hash of phpass")
    ident, log, salt = found.groups()
    return Phpass(ident, log, salt.encode())


def read_phpass(text: str) -> DigestHash:
    """Read `$P$BSALTSALTDIGEST…`."""
    recipe = read_phpass_recipe(text[:_PHPASS_SETTING])
    return DigestHash(recipe, _read_hash64(text[_PHPASS_SETTING:], _PHPASS_DIGEST))


def _log(character: str) -> int:
    return _HASH64.index(character)


def _read_salt(fields: list[str]) -> bytes:
    if len(fields) != 1 or _SALT.fullmatch(fields[0]) is None:
        raise Malformed("the salt is not one of crypt")
    return fields[0].encode()


def _check_salt(salt: bytes, longest: int) -> None:
    if len(salt) > longest:
        raise Malformed(f"the salt has more than {longest} characters")


def _read_hash64(text: str, length: int) -> bytes:
    if len(text) != length or not set(text) <= set(_HASH64):
        raise Malformed("the digest is shorter or longer than those of its algorithm, or has other characters")
    return text.encode()
