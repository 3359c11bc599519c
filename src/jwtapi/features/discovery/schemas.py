"""The bodies: a key set (RFC 7517), and the metadata of an authorization server (RFC 8414).

The RFCs define the names of the members.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from jwtapi.clients.scopes import Scope
from jwtapi.second_factors.methods import MFA_GRANT

_EXAMPLE_URL = "https://auth.example.com"

_Absent = SkipJsonSchema[None]


class Jwk(BaseModel):
    """A public key. Which members it has depends on `kty`.

    It names the public members and has no others, so no private member can be published, whatever the database has.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kty: Annotated[Literal["EC", "OKP", "RSA"], Field(description="The kind of key.")]
    use: Annotated[Literal["sig"], Field(description="It checks signatures, and encrypts nothing.")]
    alg: Annotated[
        Literal["ES256", "EdDSA", "RS256"], Field(description="The `alg` of every token that this key has signed.")
    ]
    kid: Annotated[str, Field(description="The `kid` of these tokens: the thumbprint of the key (RFC 7638).")]
    crv: Annotated[str | _Absent, Field(description="The curve, of EC and OKP.")] = None
    x: Annotated[str | _Absent, Field(description="Of EC and OKP.")] = None
    y: Annotated[str | _Absent, Field(description="Of EC.")] = None
    n: Annotated[str | _Absent, Field(description="The modulus, of RSA.")] = None
    e: Annotated[str | _Absent, Field(description="The exponent, of RSA.")] = None


class KeySet(BaseModel):
    """A JWK set (RFC 7517 §5)."""

    model_config = ConfigDict(frozen=True)

    keys: list[Jwk]

    @classmethod
    def of(cls, jwks: Iterable[Mapping[str, Any]]) -> Self:
        return cls(keys=[Jwk.model_validate(jwk) for jwk in jwks])


ClientAuthentication = Literal["none", "client_secret_basic", "client_secret_post"]


class ServerMetadata(BaseModel):
    """What this server can do, and where (RFC 8414 §2)."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    issuer: Annotated[str, Field(description="The claim `iss` of access tokens.", examples=[_EXAMPLE_URL])]
    jwks_uri: Annotated[str, Field(examples=[f"{_EXAMPLE_URL}/.well-known/jwks.json"])]
    token_endpoint: Annotated[str, Field(examples=[f"{_EXAMPLE_URL}/token"])]
    introspection_endpoint: Annotated[str, Field(examples=[f"{_EXAMPLE_URL}/introspect"])]
    revocation_endpoint: Annotated[str, Field(examples=[f"{_EXAMPLE_URL}/revoke"])]
    grant_types_supported: Annotated[
        list[str], Field(examples=[["password", "refresh_token", "client_credentials", MFA_GRANT]])
    ]
    response_types_supported: Annotated[
        list[str], Field(description="None, because there is no authorization endpoint.", examples=[[]])
    ]
    token_endpoint_auth_methods_supported: Annotated[
        list[ClientAuthentication],
        Field(
            description="`none` unless CLIENTS_REQUIRED.",
            examples=[["none", "client_secret_basic", "client_secret_post"]],
        ),
    ]
    introspection_endpoint_auth_methods_supported: Annotated[
        list[str],
        Field(
            description="`Bearer`: a token of the grant `client_credentials`.",
            examples=[["client_secret_basic", "client_secret_post", "Bearer"]],
        ),
    ]
    revocation_endpoint_auth_methods_supported: Annotated[
        list[ClientAuthentication],
        Field(
            description="`none` unless CLIENTS_REQUIRED.",
            examples=[["none", "client_secret_basic", "client_secret_post"]],
        ),
    ]
    scopes_supported: Annotated[
        list[str],
        Field(description="Of the grant `client_credentials`.", examples=[["introspect", "revoke", "revocations"]]),
    ]

    @classmethod
    def of(cls, url: str, *, clients_required: bool) -> Self:
        """Make the metadata of the server at this public address."""
        with_secret: list[ClientAuthentication] = ["client_secret_basic", "client_secret_post"]
        of_any_client: list[ClientAuthentication] = with_secret if clients_required else ["none", *with_secret]
        return cls(
            issuer=url,
            jwks_uri=f"{url}/.well-known/jwks.json",
            token_endpoint=f"{url}/token",
            introspection_endpoint=f"{url}/introspect",
            revocation_endpoint=f"{url}/revoke",
            grant_types_supported=["password", "refresh_token", "client_credentials", MFA_GRANT],
            response_types_supported=[],
            token_endpoint_auth_methods_supported=of_any_client,
            introspection_endpoint_auth_methods_supported=[*with_secret, "Bearer"],
            revocation_endpoint_auth_methods_supported=of_any_client,
            scopes_supported=list(Scope),
        )
