"""Turns a password hash of another system into the form that is stored."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from jwtapi.security.foreign_hashes import bcrypts, credentials, digests, pbkdf2, scrypt
from jwtapi.security.foreign_hashes.base import DigestHash, StoredHash
from jwtapi.security.foreign_hashes.encoding import MAX_STORED, read_base64, read_hex
from jwtapi.security.foreign_hashes.errors import Malformed, UnknownScheme
from jwtapi.security.foreign_hashes.reading import SLOW, read_whole
from jwtapi.security.foreign_hashes.wrapping import wrap

_MAX_TEXT = 4096
"""Characters of a hash as another system exports it. A credential of Keycloak has the most, some 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What the text of a hash does not contain."""

    salt: str | None = field(default=None, repr=False)
    """The salt of this user, for `firebase`, `md5`, `sha1`, `sha256` and `sha512`."""
    salt_encoding: Literal["text", "base64", "hex"] = "text"
    """How `salt` is written. The salt of `firebase` is always base64."""
    placing: digests.Placing = "before"
    """Whether `salt` stands before or after the password."""
    signer_key: str | None = field(default=None, repr=False)
    """`base64_signer_key` of a Firebase project."""
    salt_separator: str = "Bw=="
    """`base64_salt_separator` of a Firebase project."""
    rounds: int = 8
    """`rounds` of a Firebase project."""
    mem_cost: int = 14
    """`mem_cost` of a Firebase project."""
    wrap_cost: int = 12
    """The cost of the bcrypt hash around a fast hash. Take BCRYPT_ROUNDS: it decides how long the import takes."""


_Read = Callable[[str, ImportOptions], StoredHash]


@dataclass(frozen=True, slots=True)
class Scheme:
    """A kind of hash that can be named at an import."""

    line: str
    """What it is, in one line for the documentation."""
    prefixes: tuple[str, ...]
    """How its hashes begin. A text that begins so need not be named."""
    bare: _Read | None = None
    """Reads a text that begins in no such way. This must be named."""


def import_hash(text: str, scheme: str | None = None, options: ImportOptions | None = None) -> str:
    """Return the form of a hash that is stored in `users.password_hash`, at most 255 characters.

    `scheme` is a name in SCHEMES. With None, the beginning of the text decides. What this function returned, it accepts
    and returns unchanged. A fast hash is wrapped, which takes as long as a login, on the calling thread, with the
    interpreter lock released. Every other hash takes microseconds.

    Raises:
        UnknownScheme: no such scheme; or None was given, and nothing that is known begins like this text.
        Malformed: it is no whole hash of this scheme, an option is missing, or the stored form would be too long.
        CostTooHigh: a check would take too much time or memory.
    """
    options = options or ImportOptions()
    text = _without_ldap_prefix(text.strip())
    if len(text) > _MAX_TEXT or not text.isascii():
        raise Malformed(f"it has more than {_MAX_TEXT:,} characters, or characters that no hash has")
    found = _reader(text, scheme)(text, options)
    if isinstance(found, DigestHash) and found.recipe.is_fast:
        found = wrap(found, options.wrap_cost)
    if len(found.text) > MAX_STORED:
        raise Malformed(f"its stored form would have more than {MAX_STORED} characters")
    return found.text


def _reader(text: str, name: str | None) -> _Read:
    scheme = SCHEMES.get(name) if name is not None else _ANY
    if scheme is None:
        raise UnknownScheme("no scheme has this name")
    prefix = next((each for each in scheme.prefixes if text.startswith(each)), None)
    if prefix is not None:
        return _READERS[prefix]
    if scheme.bare is not None:
        return scheme.bare
    if name is None:
        raise UnknownScheme("it begins as no hash that is known: name its scheme")
    raise Malformed("it does not begin as a hash of its scheme")


def _without_ldap_prefix(text: str) -> str:
    """Remove the prefix of LDAP or Spring if a whole hash of its own kind follows, and else write it in capitals."""
    found = _LDAP.match(text)
    if found is None:
        return text
    rest = text[found.end() :]
    return rest if found[1].upper() in _TRANSPARENT else f"{{{found[1].upper()}}}{rest}"


_LDAP = re.compile(r"\{([A-Za-z0-9-]{1,20})\}", re.ASCII)
_TRANSPARENT = frozenset({"ARGON2", "BCRYPT", "CRYPT"})


def _plain(name: str) -> _Read:
    def read(text: str, options: ImportOptions) -> StoredHash:
        return digests.read_plain(name, text, _salt(options), options.placing)

    return read


def _unsalted_md5(text: str, _: ImportOptions) -> StoredHash:
    return digests.read_plain("md5", text, b"", "before")


def _salt(options: ImportOptions) -> bytes:
    salt = options.salt or ""
    if options.salt_encoding == "base64":
        return read_base64(salt)
    if options.salt_encoding == "hex":
        return read_hex(salt)
    return salt.encode("utf-8", "replace")


def _firebase(text: str, options: ImportOptions) -> StoredHash:
    if options.salt is None or options.signer_key is None:
        raise Malformed("a hash of Firebase needs the salt of the user and the signer key of the project")
    return scrypt.read_firebase(
        read_base64(text),
        read_base64(options.salt),
        separator=read_base64(options.salt_separator),
        signer_key=read_base64(options.signer_key),
        rounds=options.rounds,
        mem_cost=options.mem_cost,
    )


def _aspnet(text: str, _: ImportOptions) -> StoredHash:
    return pbkdf2.read_aspnet(text)


def _keycloak(text: str, _: ImportOptions) -> StoredHash:
    return credentials.read_keycloak(text)


def _renamed(prefix: str, own: str) -> _Read:
    return lambda text, _: read_whole(own + text.removeprefix(prefix))


def _alone(read: Callable[[str], StoredHash]) -> _Read:
    return lambda text, _: read(text)


_OF_DJANGO_DIGESTS = ("md5$", "sha1$")
_OF_LDAP_DIGESTS = tuple(f"{{{name}}}" for name in digests.OF_LDAP)
_OF_LDAP_PBKDF2 = tuple(f"{{{name.upper()}}}" for name in pbkdf2.NAMES)
_OF_KRATOS_DIGESTS = tuple(f"${name}$" for name in digests.NAMES)

_READERS: Mapping[str, _Read] = MappingProxyType(
    {
        **{prefix: _alone(read) for prefix, read in SLOW.items()},
        bcrypts.OWN_PREFIX: _alone(bcrypts.read_own),
        **dict.fromkeys(("$1$", "$apr1$"), _alone(read_whole)),
        **dict.fromkeys(_OF_DJANGO_DIGESTS, _alone(digests.read_django)),
        **dict.fromkeys(_OF_LDAP_DIGESTS, _alone(digests.read_ldap)),
        **dict.fromkeys(_OF_LDAP_PBKDF2, _alone(pbkdf2.read_ldap)),
        **dict.fromkeys(_OF_KRATOS_DIGESTS, _alone(digests.read_kratos)),
        "$md5-crypt$": _renamed("$md5-crypt$", "$1$"),
        "$sha256-crypt$": _renamed("$sha256-crypt$", "$5$"),
        "$sha512-crypt$": _renamed("$sha512-crypt$", "$6$"),
        "$firescrypt$": _alone(credentials.read_kratos_firebase),
        "$fbscrypt$": _alone(credentials.read_supabase_firebase),
        '{"': _alone(credentials.read_keycloak),
    }
)

_PBKDF2 = tuple(f"${name}$" for name in pbkdf2.NAMES)
_ARGON2 = ("$argon2id$", "$argon2i$")

SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "bcrypt": Scheme("bcrypt of the kinds 2a, 2b and 2y", ("$2",)),
        "bcrypt_sha256": Scheme(
            "passlib's bcrypt below HMAC-SHA-256, which is jwtapi's own scheme", ("$bcrypt-sha256$",)
        ),
        "argon2": Scheme("argon2id and argon2i, version 1.3, in PHC notation", _ARGON2),
        "scrypt": Scheme("scrypt in the notation of passlib and Kratos", ("$scrypt$",)),
        "pbkdf2": Scheme("PBKDF2 with SHA-1, SHA-256 or SHA-512, in the notation of passlib or PHC", _PBKDF2),
        "sha256_crypt": Scheme("crypt(3) with SHA-256", ("$5$", "$sha256-crypt$")),
        "sha512_crypt": Scheme("crypt(3) with SHA-512", ("$6$", "$sha512-crypt$")),
        "md5_crypt": Scheme("crypt(3) with MD5, and that of Apache", ("$1$", "$apr1$", "$md5-crypt$")),
        "phpass": Scheme("portable hashes of phpass, in phpBB and in WordPress before 6.8", ("$P$", "$H$")),
        "wordpress": Scheme("WordPress of any version", ("$wp$2", "$P$", "$2"), _unsalted_md5),
        "django": Scheme(
            "Django's PBKDF2, argon2, scrypt, bcrypt, and its old salted and unsalted MD5 and SHA-1",
            ("pbkdf2_sha256$", "pbkdf2_sha1$", "argon2$", "scrypt$", "bcrypt$", "bcrypt_sha256$", *_OF_DJANGO_DIGESTS),
            _unsalted_md5,
        ),
        "werkzeug": Scheme("scrypt and PBKDF2 of Werkzeug (Flask)", ("scrypt:", "pbkdf2:")),
        "firebase": Scheme(
            "scrypt of Firebase: needs the parameters of the project", ("$fbscrypt$", "$firescrypt$"), _firebase
        ),
        "keycloak": Scheme("a credential of Keycloak as JSON, with PBKDF2 or argon2", (), _keycloak),
        "aspnet_identity": Scheme("ASP.NET Core Identity, version 3 and 2, in base64", (), _aspnet),
        "kratos": Scheme(
            "what Ory Kratos imports",
            (
                *("$2", *_ARGON2, *_PBKDF2, "$scrypt$", "$firescrypt$", *_OF_KRATOS_DIGESTS),
                *("$md5-crypt$", "$sha256-crypt$", "$sha512-crypt$", "{SSHA}", "{SSHA256}", "{SSHA512}"),
            ),
        ),
        "ldap": Scheme(
            "userPassword of LDAP: {SSHA} and its siblings, {CRYPT}, {PBKDF2-SHA256}, {ARGON2}",
            (*_OF_LDAP_DIGESTS, *_OF_LDAP_PBKDF2, "$2", "$1$", "$5$", "$6$", *_ARGON2),
        ),
        **{
            name: Scheme(f"{label}, salted or not, in hexadecimal or base64", (), _plain(name))
            for name, label in {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}.items()
        },
    }
)
"""The schemes that can be named at an import."""

# Werkzeug before 2.3 wrote `sha1$SALT$DIGEST` too, with another algorithm. So the scheme of these must be named.
_ANY = Scheme("", tuple(prefix for prefix in _READERS if prefix not in _OF_DJANGO_DIGESTS))
