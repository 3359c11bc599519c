"""A decorator for views of Flask: `signed_in = bearer(verifier)`, then `@signed_in`.

The view finds the claims in `g.claims`.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, g, jsonify, request

from jwtapi_verifier.bearer import MissingToken, bearer_token, refusal
from jwtapi_verifier.errors import InvalidToken, Unavailable
from jwtapi_verifier.sync import SyncVerifier

P = ParamSpec("P")
R = TypeVar("R")


def bearer(verifier: SyncVerifier) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def verified(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                g.claims = verifier.verify(bearer_token(request.headers.get("Authorization")))
            except (MissingToken, InvalidToken, Unavailable) as error:
                answer = refusal(error)
                response = jsonify(message=answer.message, code=answer.code)
                response.status_code = answer.status
                response.headers.update(answer.headers)
                abort(response)
            return view(*args, **kwargs)

        return verified

    return decorate
