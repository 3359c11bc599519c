"""Reads what is stored: a hash that `importing` wrote, or a slow hash of another system as that system writes it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from jwtapi.security.foreign_hashes import argon2, bcrypts, crypts, digests, pbkdf2, scrypt, wrapping
from jwtapi.security.foreign_hashes.base import DigestHash, Recipe, StoredHash
from jwtapi.security.foreign_hashes.encoding import MAX_STORED
from jwtapi.security.foreign_hashes.errors import Malformed, UnknownScheme

_RECIPES: Mapping[str, Callable[[str, list[str]], Recipe]] = MappingProxyType(
    {
        **dict.fromkeys(pbkdf2.NAMES, pbkdf2.read_recipe),
        **dict.fromkeys(("argon2id", "argon2i"), argon2.read_recipe),
        **dict.fromkeys(("5", "6"), crypts.read_sha2_recipe),
        **dict.fromkeys(("1", "apr1"), crypts.read_md5_recipe),
        **dict.fromkeys(digests.NAMES, digests.read_recipe),
        "scrypt": scrypt.read_recipe,
        "firebase-scrypt": scrypt.read_firebase_recipe,
    }
)
"""Readers of settings, by the name between the first two dollar signs."""


def read_recipe(setting: str) -> Recipe:
    """Read a stored form without its digest.

    Raises:
        UnknownScheme, Malformed, CostTooHigh: as for every hash.
    """
    if setting.startswith(("$P$", "$H$")):
        return crypts.read_phpass_recipe(setting)
    _, _, named = setting.partition("$")
    name, *fields = named.split("$")
    if (read := _RECIPES.get(name)) is None:
        raise UnknownScheme("the scheme is not known")
    return read(name, fields)


def read_whole(text: str) -> DigestHash:
    """Read `$NAME$…$DIGEST`.

    Raises:
        UnknownScheme, Malformed, CostTooHigh: as for every hash.
    """
    setting, _, digest = text.rpartition("$")
    recipe = read_recipe(setting)
    return DigestHash(recipe, recipe.read_digest(digest))


def _read_wrapped(text: str) -> StoredHash:
    return wrapping.read(text, read_recipe)


def _read_django_argon2(text: str) -> StoredHash:
    return read_whole(text.removeprefix("argon2"))


SLOW: Mapping[str, Callable[[str], StoredHash]] = MappingProxyType(
    {
        **dict.fromkeys(bcrypts.PREFIXES, bcrypts.read),
        **dict.fromkeys((f"${name}$" for name in pbkdf2.NAMES), read_whole),
        **dict.fromkeys(("$scrypt$", "$firebase-scrypt$", "$argon2id$", "$argon2i$", "$5$", "$6$"), read_whole),
        **dict.fromkeys(("pbkdf2_sha256$", "pbkdf2_sha1$"), pbkdf2.read_django),
        **dict.fromkeys(("$P$", "$H$"), crypts.read_phpass),
        "pbkdf2:": pbkdf2.read_werkzeug,
        "scrypt$": scrypt.read_django,
        "scrypt:": scrypt.read_werkzeug,
        "argon2$": _read_django_argon2,
        wrapping.PREFIX: _read_wrapped,
    }
)
"""Readers of stored hashes, by how these begin. No prefix is the beginning of another."""


def read_stored(text: str) -> StoredHash:
    """Read a stored hash that is not one of ours.

    Raises:
        UnknownScheme: no prefix in SLOW fits.
        Malformed: it is not whole.
        CostTooHigh: a check would take too much time or memory.
    """
    if len(text) > MAX_STORED:
        raise Malformed(f"it has more than {MAX_STORED} characters")
    read = next((read for prefix, read in SLOW.items() if text.startswith(prefix)), None)
    if read is None:
        raise UnknownScheme("it begins as no hash that is known")
    return read(text)
