"""Prints the newest public key of a running server as PEM, or nothing if only JWT_SECRET signs.

Usage: public_key.py http://127.0.0.1:4000
"""

import sys

import httpx
import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if __name__ == "__main__":
    answer = httpx.get(f"{sys.argv[1]}/.well-known/jwks.json", trust_env=False).raise_for_status()
    for jwk in answer.json()["keys"][:1]:
        public = jwt.PyJWK(jwk).key
        print(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), end="")  # noqa: T201
