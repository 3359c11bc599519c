"""Hashes that their systems have published in documents and tests, with the passwords."""

import json

import pytest

from jwtapi.security.foreign_hashes.importing import ImportOptions, import_hash
from jwtapi.security.passwords import PasswordHasher

FIREBASE = ImportOptions(
    salt="42xEC+ixf3L2lw==",
    signer_key="jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
    salt_separator="Bw==",
    rounds=8,
    mem_cost=14,
)
OF_SUPABASE = (
    "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=ou9tdYTGyYm8kuR6Dt0Bp0kDuAYoXrK16mbZO4yGwAn3oLspjnN0/c41v8xZnO1n14J3MjKj1b2g"
    "6AUCAlFwMw==$C0sHCg9ek77hsg==$zKVTMvnWVw5BBOZNUdnsalx4c4c7y/w7IS5p6Ut2+CfEFFlz37J9huyQfov4iizN8dbjvEJlM5tQaJP84+hf"
    "Tw=="
)
OF_KRATOS = (
    "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/"
    "k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw=="
)
OF_KEYCLOAK = json.dumps(
    {
        "type": "password",
        "secretData": json.dumps(
            {"value": "xKjWvB9+0sSP6wTqI1JoEI7w+iA0x9VDhPgmrOHRG80=", "salt": "LRScGShC7shkdoU5B1UgUQ=="}
        ),
        "credentialData": json.dumps(
            {
                "hashIterations": 5,
                "algorithm": "argon2",
                "additionalParameters": {
                    "hashLength": ["32"],
                    "memory": ["7168"],
                    "type": ["id"],
                    "version": ["1.3"],
                    "parallelism": ["1"],
                },
            }
        ),
    }
)
KRATOS_SCRYPT = (
    "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE="
)
SHA512_AND_64_BYTES = (
    "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8IAAfZ8v+ZfhjCcudtC1"
    "YERSqE1OEdXLW9VukPuJWBBjLuw=="
)


@pytest.mark.parametrize(
    ("scheme", "text", "password", "options"),
    (
        # The README of firebase/scrypt
        (
            "firebase",
            "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
            "user1password",
            FIREBASE,
        ),
        # The file internal/crypto/password_test.go of Supabase
        (None, OF_SUPABASE, "mytestpassword", None),
        (None, "$argon2i$v=19$m=16,t=2,p=1$bGJRWThNOHJJTVBSdHl2dQ$NfEnUOuUpb7F2fQkgFUG4g", "test", None),
        # Ory Kratos: hash/hasher_test.go
        ("kratos", OF_KRATOS, "8x4WjoDbSxJZdR", None),
        ("kratos", "$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6", "test", None),
        ("kratos", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", "test", None),
        ("kratos", KRATOS_SCRYPT, "test", None),
        ("kratos", "$md5$CY9rzUYh03PK3k6DJie09g==", "test", None),
        ("kratos", "{SSHA256}czO44OTV17PcF1cRxWrLZLy9xHd7CWyVYplr1rOhuMlx/7IK", "test123", None),
        (
            "kratos",
            "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=",
            "test",
            None,
        ),
        # An export of Keycloak 26
        ("keycloak", OF_KEYCLOAK, "secret", None),
        # ASP.NET Core: PasswordHasherTest.cs, version 2 and 3
        (
            "aspnet_identity",
            "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
            "my password",
            None,
        ),
        (
            "aspnet_identity",
            "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
            "my password",
            None,
        ),
        ("aspnet_identity", "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M", "my password", None),
        ("aspnet_identity", SHA512_AND_64_BYTES, "my password", None),
        # The test program of phpass
        (None, "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "test12345", None),
        # A demonstration of WordPress
        ("wordpress", "$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES", "admin", None),
    ),
)
async def test_a_published_hash_verifies(
    scheme: str | None, text: str, password: str, options: ImportOptions | None
) -> None:
    hasher = PasswordHasher(rounds=4)
    stored = import_hash(text, scheme, options or ImportOptions(wrap_cost=4))
    assert await hasher.verify(password, stored)
    assert not await hasher.verify(f"{password}.", stored)
