"""What no authentication can be faster than, for the same server program and the same answers."""

from typing import Any

from fastapi import FastAPI

bare_fastapi = FastAPI()


@bare_fastapi.get("/profile")
async def profile() -> dict[str, str]:
    """What GET /profile answers, to anybody."""
    return {"username": "alice"}


async def raw_asgi(scope: Any, _receive: Any, send: Any) -> None:
    """Answer 204 and nothing else."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
