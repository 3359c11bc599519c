"""Hashes that come with much else: credentials of Keycloak, and hashes of Firebase with their project's parameters."""

import json
import re
from typing import Any

from jwtapi.security.foreign_hashes import argon2, pbkdf2, scrypt
from jwtapi.security.foreign_hashes.base import DigestHash
from jwtapi.security.foreign_hashes.encoding import exactly, read_base64, read_number, read_numbers
from jwtapi.security.foreign_hashes.errors import CostTooHigh, Malformed, UnknownScheme

_SUPABASE = re.compile(
    r"\$fbscrypt\$v=1,n=([0-9]{1,2}),r=([0-9]{1,2}),p=1(?:,ss=([^,$]*))?,sk=([^,$]+)\$([^$]+)\$([^$]+)", re.ASCII
)


def read_keycloak(text: str) -> DigestHash:
    """Read a credential of the type `password`, as realm exports have it.

    `secretData` and `credentialData` are objects, or texts that contain them.
    """
    try:
        credential = json.loads(text)
        secret, data = (_object(credential[name]) for name in ("secretData", "credentialData"))
        salt, digest = (read_base64(_text(secret[name])) for name in ("salt", "value"))
        algorithm, rounds = _text(data["algorithm"]), _number(data["hashIterations"])
        if algorithm == "argon2":
            return _read_argon2(data["additionalParameters"], rounds, salt, digest)
    except (KeyError, IndexError, TypeError, ValueError, RecursionError):
        raise Malformed("it is no credential of Keycloak with a password") from None
    if algorithm not in pbkdf2.NAMES:
        raise UnknownScheme("of Keycloak, PBKDF2 and argon2 are known")
    return pbkdf2.read_keycloak(algorithm, rounds, salt, digest)


def read_kratos_firebase(text: str) -> DigestHash:
    """Read `$firescrypt$ln=14,r=8,p=1$SALT$DIGEST$SEPARATOR$SIGNER_KEY`."""
    _, _, parameters, salt, digest, separator, signer_key = exactly(text.split("$"), 7)
    mem_cost, rounds, parallel = read_numbers(parameters, "ln", "r", "p")
    if parallel != 1:
        raise CostTooHigh("Firebase has p = 1")
    return scrypt.read_firebase(
        read_base64(digest),
        read_base64(salt),
        separator=read_base64(separator),
        signer_key=read_base64(signer_key),
        rounds=rounds,
        mem_cost=mem_cost,
    )


def read_supabase_firebase(text: str) -> DigestHash:
    """Read `$fbscrypt$v=1,n=14,r=8,p=1,ss=SEPARATOR,sk=SIGNER_KEY$SALT$DIGEST` of Supabase."""
    found = _SUPABASE.fullmatch(text)
    if found is None:
        raise Malformed("it is no whole hash of this scheme")
    mem_cost, rounds, separator, signer_key, salt, digest = found.groups()
    return scrypt.read_firebase(
        read_base64(digest),
        read_base64(salt),
        separator=read_base64(separator or ""),
        signer_key=read_base64(signer_key),
        rounds=read_number(rounds),
        mem_cost=read_number(mem_cost),
    )


def _read_argon2(parameters: dict[str, Any], rounds: int, salt: bytes, digest: bytes) -> DigestHash:
    if _text(_first(parameters["version"])) != "1.3":
        raise Malformed("only version 1.3 of argon2 is known")
    memory, lanes = (read_number(_text(_first(parameters[name]))) for name in ("memory", "parallelism"))
    return argon2.read_keycloak(_text(_first(parameters["type"])), memory, rounds, lanes, salt, digest)


def _object(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value
