"""A dependency for FastAPI: `current = bearer(verifier)`, then `claims: Annotated[Claims, Depends(current)]`.

In Starlette, an endpoint calls `claims = await current(request)`.
"""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from jwtapi_verifier.bearer import MissingToken, bearer_token, refusal
from jwtapi_verifier.claims import Claims
from jwtapi_verifier.errors import InvalidToken, Unavailable
from jwtapi_verifier.verifier import Verifier


def bearer(verifier: Verifier) -> Callable[[HTTPConnection], Awaitable[Claims]]:
    async def current(request: HTTPConnection) -> Claims:
        try:
            return await verifier.verify(bearer_token(", ".join(request.headers.getlist("Authorization"))))
        except (MissingToken, InvalidToken, Unavailable) as error:
            answer = refusal(error)
            raise HTTPException(answer.status, answer.message, answer.headers) from None

    return current
