"""An authenticator in software (WebAuthn Level 3 §6), which can also answer what no honest one would."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
ORIGIN = "http://localhost:4000"


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def new_ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def cose_of(key: Key) -> dict[int, Any]:
    """COSE_Key (RFC 9052 §7)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes_raw()}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(key.key_size // 8, "big"), -2: numbers.e.to_bytes(3, "big")}
    point = key.public_key().public_numbers()
    return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}


def signature_of(key: Key, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


@dataclass
class Authenticator:
    """It holds one passkey, and answers as told. The defaults are those of an honest, synchronising one."""

    origin: str = ORIGIN
    flags: int = UP | UV | BE | BS
    sign_count: int = 0
    counts: bool = False
    aaguid: UUID = field(default_factory=lambda: UUID(int=0))
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: Key = field(default_factory=new_ec_key)
    handle: bytes = b""
    cose: bytes | None = None
    """What it says instead of its public key."""
    extensions: bytes = b""
    """CBOR that follows the rest of its data. The flag ED tells of it."""

    def create(self, options: dict[str, Any], **client_data: Any) -> dict[str, Any]:
        """RegistrationResponseJSON."""
        self.handle = decoded(options["user"]["id"])
        cose = self.cose or cbor2.dumps(cose_of(self.key))
        attested = self.aaguid.bytes + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self._data(options["rp"]["id"], self.flags | AT) + attested + cose + self.extensions
        return self._credential(
            {
                "clientDataJSON": self._client_data("webauthn.create", options["challenge"], client_data),
                "attestationObject": encoded(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
                "transports": ["internal", "hybrid"],
            }
        )

    def get(self, options: dict[str, Any], *, rp_id: str | None = None, **client_data: Any) -> dict[str, Any]:
        """AuthenticationResponseJSON."""
        if self.counts:
            self.sign_count += 1
        client = self._client_data("webauthn.get", options["challenge"], client_data)
        data = self._data(rp_id or options["rpId"], self.flags) + self.extensions
        signature = signature_of(self.key, data + hashlib.sha256(decoded(client)).digest())
        return self._credential(
            {
                "clientDataJSON": client,
                "authenticatorData": encoded(data),
                "signature": encoded(signature),
                "userHandle": encoded(self.handle),
            }
        )

    def _data(self, rp_id: str, flags: int) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + self.sign_count.to_bytes(4, "big")

    def _client_data(self, type_: str, challenge: str, changes: dict[str, Any]) -> str:
        client = {"type": type_, "challenge": challenge, "origin": self.origin, "crossOrigin": False} | changes
        return encoded(json.dumps(client).encode())

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        id_ = encoded(self.credential_id)
        return {
            "id": id_,
            "rawId": id_,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
