"""Apps that send the same responses without authentication. No authentication can be faster on the same server."""

from typing import Any

from fastapi import FastAPI

bare_fastapi = FastAPI()


@bare_fastapi.get("/profile")
async def profile() -> dict[str, str]:
    """Return the response of GET /profile without a check."""
    return {"username": "alice"}


async def raw_asgi(scope: Any, _receive: Any, send: Any) -> None:
    """Respond 204 and nothing else."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
