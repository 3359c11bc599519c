"""Hashes as other systems make them, each at a low cost.

Each system is the real one: a library of PyPI or npm, PHP, or the command of OpenSSL. Where the real one is a server,
or a class of PHP that no package contains, PHP computes the hash, and this file writes it as that system does.
`test_published_hashes.py` has hashes that those systems made.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import argon2
import bcrypt
import pytest
from django.contrib.auth import hashers
from firebase_scrypt import firebasescrypt as firebase
from passlib import hash as passlib
from werkzeug.security import generate_password_hash

from jwtapi.security.foreign_hashes.importing import ImportOptions

CHEAP = ImportOptions(wrap_cost=4)
SIGNER_KEY = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
JAVASCRIPT = Path(__file__).parents[2] / "javascript"

Made = tuple[str, ImportOptions]
"""The text of a hash, and what it does not contain."""
Make = Callable[[Sequence[str]], list[Made]]


@dataclass(frozen=True)
class System:
    name: str
    scheme: str
    hashes: Make
    over_cost: str | None = None
    """A hash of this scheme that costs too much. None if each costs the same."""
    program: str | None = None
    """What makes the hashes, if it is no library of PyPI."""
    names_itself: bool = True
    """Whether the beginning of the text names the scheme."""
    longest: int = 1024
    """Bytes of a password that the system accepts."""

    def hash(self, password: str) -> Made:
        return self.hashes([password])[0]

    @property
    def is_available(self) -> bool:
        """Whether its program is on the PATH, with the packages of tests/javascript if that is Node.js."""
        if self.program == "node" and not (JAVASCRIPT / "node_modules" / "bcryptjs").exists():
            return False
        return self.program is None or shutil.which(self.program) is not None

    def skip_if_missing(self) -> None:
        if not self.is_available:
            pytest.skip(f"needs {self.program}, and with Node.js `npm ci` in tests/javascript")


def _python(make: Callable[[str], Any]) -> Make:
    return lambda passwords: [(str(make(password)), CHEAP) for password in passwords]


def _output(command: Sequence[str], given: str) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60, cwd=JAVASCRIPT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _php(expression: str, options: ImportOptions = CHEAP) -> Make:
    """An expression of PHP over `$p`, the password."""
    program = f"echo json_encode(array_map(fn($p) => {expression}, json_decode(stream_get_contents(STDIN))));"
    return lambda passwords: [
        (text, options) for text in json.loads(_output(["php", "-r", program], json.dumps(passwords)))
    ]


def _node(imports: str, expression: str) -> Make:
    """An expression of JavaScript over `p`, the password."""

    def make(passwords: Sequence[str]) -> list[Made]:
        program = f"{imports}; console.log(JSON.stringify({json.dumps(passwords)}.map(p => {expression})))"
        return [(text, CHEAP) for text in json.loads(_output(["node", "--input-type=module"], program))]

    return make


def _openssl(option: str) -> Make:
    def make(passwords: Sequence[str]) -> list[Made]:
        command = ["openssl", "passwd", option, "-salt", "saltsalt", "-stdin"]
        return [(text, CHEAP) for text in _output(command, "".join(f"{each}\n" for each in passwords)).split()]

    return make


def _django(hasher: hashers.BasePasswordHasher, **cost: int) -> Make:
    for name, value in cost.items():
        setattr(hasher, name, value)
    return _python(lambda password: hasher.encode(password, hasher.salt()))


def _firebase(password: str) -> Made:
    salt = base64.b64encode(password.encode()[:10]).decode()
    key = firebase.generate_derived_key(password, salt, "Bw==", 8, 10)
    digest = firebase.encrypt(base64.b64decode(SIGNER_KEY), key)
    return base64.b64encode(digest).decode(), ImportOptions(salt=salt, signer_key=SIGNER_KEY, mem_cost=10)


def _argon2(kind: argon2.Type) -> argon2.PasswordHasher:
    return argon2.PasswordHasher(time_cost=2, memory_cost=4096, parallelism=2, type=kind)


def _keycloak_argon2(password: str) -> str:
    *_, salt, digest = _argon2(argon2.Type.ID).hash(password).split("$")
    parameters = {"type": ["id"], "version": ["1.3"], "memory": ["4096"], "parallelism": ["2"], "hashLength": ["32"]}
    return _keycloak("argon2", 2, f"{salt}==", f"{digest}=", parameters)


def _keycloak(algorithm: str, rounds: int, salt: str, value: str, parameters: dict[str, Any]) -> str:
    data = {"hashIterations": rounds, "algorithm": algorithm, "additionalParameters": parameters}
    secret = {"value": value, "salt": salt, "additionalParameters": {}}
    return json.dumps({"type": "password", "secretData": json.dumps(secret), "credentialData": json.dumps(data)})


SALT = '"0123456789abcdef"'
KEYCLOAK = """json_encode(["type" => "password",
    "secretData" => json_encode(["value" => base64_encode(hash_pbkdf2("%s", $p, %s, 1000, 64, true)),
        "salt" => base64_encode(%s), "additionalParameters" => []]),
    "credentialData" => json_encode(["hashIterations" => 1000, "algorithm" => "%s", "additionalParameters" => []])])"""
ASPNET = (
    f'base64_encode("\\x01" . pack("N3", 1, 1000, 16) . {SALT} . hash_pbkdf2("sha256", $p, {SALT}, 1000, 32, true))'
)
KRATOS = f"""'$pbkdf2-sha512$i=1000,l=32$' . rtrim(base64_encode({SALT}), "=") . '$'
    . rtrim(base64_encode(hash_pbkdf2("sha512", $p, {SALT}, 1000, 32, true)), "=")"""
WORDPRESS = """'$wp' . password_hash(
    base64_encode(hash_hmac("sha384", trim($p), "wp-sha384", true)), PASSWORD_BCRYPT, ["cost" => 4])"""
PHPASS = """(function ($p) {
    $letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    $hash = md5("saltsalt" . $p, true);
    for ($i = 0; $i < 2048; $i++) $hash = md5($hash . $p, true);
    $text = '$P$9saltsalt';
    foreach (str_split($hash, 3) as $three) {
        $value = 0;
        foreach (str_split($three) as $at => $byte) $value |= ord($byte) << 8 * $at;
        for ($i = 0; $i <= strlen($three); $i++, $value >>= 6) $text .= $letters[$value & 63];
    }
    return $text;
})($p)"""
SALTED = ImportOptions(salt="sält", placing="after", wrap_cost=4)

A22, A43, A86 = "A" * 22, "A" * 43, "A" * 86
OVER_BCRYPT = "17$" + "." * 53

SYSTEMS = (
    System(
        name="pyca bcrypt",
        scheme="bcrypt",
        hashes=_python(lambda password: bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()),
        over_cost=f"$2b${OVER_BCRYPT}",
    ),
    System(
        name="PHP password_hash",
        scheme="bcrypt",
        hashes=_php('password_hash($p, PASSWORD_BCRYPT, ["cost" => 4])'),
        over_cost=f"$2y${OVER_BCRYPT}",
        program="php",
    ),
    System(
        name="bcryptjs",
        scheme="bcrypt",
        hashes=_node('import bcrypt from "bcryptjs"', "bcrypt.hashSync(p, 4)"),
        over_cost=f"$2a${OVER_BCRYPT}",
        program="node",
    ),
    System(
        name="passlib bcrypt_sha256",
        scheme="bcrypt_sha256",
        hashes=_python(passlib.bcrypt_sha256.using(rounds=5).hash),
        over_cost=f"$bcrypt-sha256$v=2,t=2b,r=17${A22}${'A' * 31}",
    ),
    System(
        name="Django PBKDF2PasswordHasher",
        scheme="django",
        hashes=_django(hashers.PBKDF2PasswordHasher(), iterations=1000),
        over_cost=f"pbkdf2_sha256$2000001$salt${A43}=",
    ),
    System(
        name="Django PBKDF2SHA1PasswordHasher",
        scheme="django",
        hashes=_django(hashers.PBKDF2SHA1PasswordHasher(), iterations=1000),
        over_cost=f"pbkdf2_sha1$2000001$salt${'A' * 27}=",
    ),
    System(
        name="Django Argon2PasswordHasher",
        scheme="django",
        hashes=_django(hashers.Argon2PasswordHasher(), memory_cost=4096),
        over_cost=f"argon2$argon2id$v=19$m=102401,t=2,p=8${A22}${A43}",
    ),
    System(
        name="Django ScryptPasswordHasher",
        scheme="django",
        hashes=_django(hashers.ScryptPasswordHasher(), work_factor=256),
        over_cost=f"scrypt$131072$salt$8$1${A86}==",
    ),
    System(
        name="Django BCryptSHA256PasswordHasher",
        scheme="django",
        hashes=_django(hashers.BCryptSHA256PasswordHasher(), rounds=4),
        over_cost=f"bcrypt_sha256$$2b${OVER_BCRYPT}",
    ),
    System(
        name="Django BCryptPasswordHasher",
        scheme="django",
        hashes=_django(hashers.BCryptPasswordHasher(), rounds=4),
        over_cost=f"bcrypt$$2b${OVER_BCRYPT}",
        longest=72,
    ),
    System(
        name="Django MD5PasswordHasher",
        scheme="django",
        hashes=_django(hashers.MD5PasswordHasher()),
        names_itself=False,
    ),
    System(
        name="Django UnsaltedMD5PasswordHasher, which Django 5.1 removed",
        scheme="django",
        hashes=_php("md5($p)"),
        program="php",
        names_itself=False,
    ),
    System(
        name="Werkzeug scrypt",
        scheme="werkzeug",
        hashes=_python(lambda password: generate_password_hash(password, "scrypt:1024:8:1")),
        over_cost=f"scrypt:131072:8:1$salt${'a' * 128}",
    ),
    System(
        name="Werkzeug PBKDF2",
        scheme="werkzeug",
        hashes=_python(lambda password: generate_password_hash(password, "pbkdf2:sha256:1000")),
        over_cost=f"pbkdf2:sha256:2000001$salt${'a' * 64}",
    ),
    System(
        name="argon2-cffi argon2id",
        scheme="argon2",
        hashes=_python(_argon2(argon2.Type.ID).hash),
        over_cost=f"$argon2id$v=19$m=65536,t=11,p=4${A22}${A43}",
    ),
    System(
        name="argon2-cffi argon2i",
        scheme="argon2",
        hashes=_python(_argon2(argon2.Type.I).hash),
        over_cost=f"$argon2i$v=19$m=65536,t=3,p=17${A22}${A43}",
    ),
    System(
        name="passlib pbkdf2_sha1",
        scheme="pbkdf2",
        hashes=_python(passlib.pbkdf2_sha1.using(rounds=1000).hash),
        over_cost=f"$pbkdf2$2000001${A22}${'A' * 27}",
    ),
    System(
        name="passlib pbkdf2_sha256",
        scheme="pbkdf2",
        hashes=_python(passlib.pbkdf2_sha256.using(rounds=1000).hash),
        over_cost=f"$pbkdf2-sha256$2000001${A22}${A43}",
    ),
    System(
        name="passlib pbkdf2_sha512",
        scheme="pbkdf2",
        hashes=_python(passlib.pbkdf2_sha512.using(rounds=1000).hash),
        over_cost=f"$pbkdf2-sha512$2000001${A22}${A86}",
    ),
    System(
        name="passlib scrypt",
        scheme="scrypt",
        hashes=_python(passlib.scrypt.using(rounds=10).hash),
        over_cost=f"$scrypt$ln=16,r=8,p=5${A22}${A43}",
    ),
    System(
        name="openssl passwd -5",
        scheme="sha256_crypt",
        hashes=_openssl("-5"),
        over_cost=f"$5$rounds=1000001$salt${A43}",
        program="openssl",
        longest=256,
    ),
    System(
        name="openssl passwd -6",
        scheme="sha512_crypt",
        hashes=_openssl("-6"),
        over_cost=f"$6$rounds=1000001$salt${A86}",
        program="openssl",
        longest=256,
    ),
    System(
        name="openssl passwd -1",
        scheme="md5_crypt",
        hashes=_openssl("-1"),
        program="openssl",
        longest=256,
    ),
    System(
        name="openssl passwd -apr1",
        scheme="md5_crypt",
        hashes=_openssl("-apr1"),
        program="openssl",
        longest=256,
    ),
    System(
        name="phpass",
        scheme="phpass",
        hashes=_php(PHPASS),
        over_cost=f"$P$Isaltsalt{A22}",
        program="php",
    ),
    System(
        name="WordPress 6.8",
        scheme="wordpress",
        hashes=_php(WORDPRESS),
        over_cost=f"$wp$2y${OVER_BCRYPT}",
        program="php",
    ),
    System(
        name="Firebase",
        scheme="firebase",
        hashes=lambda passwords: [_firebase(password) for password in passwords],
        over_cost=f"$firebase-scrypt$ln=17,r=8,p=1${A22}${A43}",
        names_itself=False,
    ),
    System(
        name="Keycloak pbkdf2-sha256",
        scheme="keycloak",
        hashes=_php(KEYCLOAK % ("sha256", SALT, SALT, "pbkdf2-sha256")),
        over_cost=_keycloak("pbkdf2-sha256", 2_000_001, "AAAA", A43, {}),
        program="php",
    ),
    System(
        name="Keycloak pbkdf2-sha512",
        scheme="keycloak",
        hashes=_php(KEYCLOAK % ("sha512", SALT, SALT, "pbkdf2-sha512")),
        over_cost=_keycloak("pbkdf2-sha512", 2_000_001, "AAAA", A86, {}),
        program="php",
    ),
    System(
        name="Keycloak argon2",
        scheme="keycloak",
        hashes=_python(_keycloak_argon2),
        over_cost=_keycloak(
            "argon2", 5, A22, A43, {"type": ["id"], "version": ["1.3"], "memory": ["102401"], "parallelism": ["1"]}
        ),
    ),
    System(
        name="ASP.NET Core Identity",
        scheme="aspnet_identity",
        hashes=_php(ASPNET),
        over_cost=base64.b64encode(b"\1\0\0\0\1\0\x1e\x84\x81\0\0\0\x10" + bytes(48)).decode(),
        program="php",
        names_itself=False,
    ),
    System(
        name="Kratos PBKDF2",
        scheme="kratos",
        hashes=_php(KRATOS),
        over_cost=f"$pbkdf2-sha256$i=2000001,l=32${A22}${A43}",
        program="php",
    ),
    *(
        System(name=f"LDAP {handler.name}", scheme="ldap", hashes=_python(handler.hash))
        for handler in (
            passlib.ldap_md5,
            passlib.ldap_sha1,
            passlib.ldap_salted_md5,
            passlib.ldap_salted_sha1,
            passlib.ldap_salted_sha256,
            passlib.ldap_salted_sha512,
        )
    ),
    System(
        name="LDAP crypt",
        scheme="ldap",
        hashes=_php("\"{CRYPT}\" . crypt($p, '$6$rounds=1000$saltsalt$')"),
        over_cost=f"{{CRYPT}}$6$rounds=1000001$salt${A86}",
        program="php",
    ),
    System(
        name="LDAP pbkdf2_sha256",
        scheme="ldap",
        hashes=_python(passlib.ldap_pbkdf2_sha256.using(rounds=1000).hash),
        over_cost=f"{{PBKDF2-SHA256}}2000001${A22}${A43}",
    ),
    *(
        System(
            name=f"salted {name}",
            scheme=name,
            hashes=_php(f'hash("{name}", $p . "sält")', SALTED),
            program="php",
            names_itself=False,
        )
        for name in ("md5", "sha1", "sha256", "sha512")
    ),
)
"""Every scheme that an import accepts."""
