"""The documentation of the addresses for the OpenAPI document."""

from jwtapi.errors import NotFound
from jwtapi.web.documentation import error_responses, success

_EXAMPLE = {
    "keys": [
        {
            "kty": "EC",
            "use": "sig",
            "alg": "ES256",
            "kid": "ZFL84ruGgp52Pk9_hVpwllvH-wx3MKC6Nzk_OmHqZR8",
            "crv": "P-256",
            "x": "6pXtjwmBBYl9Jf7V3c3Er_ENkjJvBBdyIBaqq84LBnA",
            "y": "tvURr3GAZK-6-B41pLeg3GhvJqBnlAebesY-2eBnQCI",
        }
    ]
}

JWKS = error_responses() | {
    200: success("The keys. Caches may keep them for as long as `Cache-Control` allows.", example=_EXAMPLE)
}
METADATA = error_responses(NotFound(), storage=False) | {200: success("The addresses and abilities.")}
