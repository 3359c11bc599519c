import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from jwtapi_verifier import Unavailable, Verifier
from made_tokens import AUDIENCE, SigningKey, TokenMaker
from scripted_server import ScriptedServer, json_answer, running_server


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, which no authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return file


@pytest.fixture
async def server(certificate: Path, key: SigningKey) -> AsyncIterator[ScriptedServer]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with running_server(tls) as server:
        server.answers["/.well-known/jwks.json"] = json_answer({"keys": [key.jwk]})
        yield server


async def test_the_keys_of_a_server_without_a_trusted_certificate_are_not_used(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey
) -> None:
    async with Verifier(server.url, AUDIENCE) as verifier:
        with pytest.raises(Unavailable):
            await verifier.verify(tokens.token(key))
    assert not server.requests


async def test_an_app_can_trust_an_authority_of_its_own(
    server: ScriptedServer, tokens: TokenMaker, key: SigningKey, certificate: Path
) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    async with Verifier(server.url, AUDIENCE, ssl_context=trusting) as verifier:
        assert await verifier.verify(tokens.token(key))
