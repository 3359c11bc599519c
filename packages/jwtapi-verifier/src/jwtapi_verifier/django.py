"""A decorator for views of Django: `signed_in = bearer(verifier)`, then `@signed_in`.

The view finds the claims in `request.claims`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse

from jwtapi_verifier.bearer import MissingToken, bearer_token, refusal
from jwtapi_verifier.errors import InvalidToken, Unavailable
from jwtapi_verifier.sync import SyncVerifier

View = Callable[..., Any]


def bearer(verifier: SyncVerifier) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        def verified(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                request.claims = verifier.verify(bearer_token(request.headers.get("Authorization")))
            except (MissingToken, InvalidToken, Unavailable) as error:
                answer = refusal(error)
                body = {"message": answer.message, "code": answer.code}
                return JsonResponse(body, status=answer.status, headers=answer.headers)
            return view(request, *args, **kwargs)

        return verified

    return decorate
