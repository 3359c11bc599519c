"""Lets the server be reached below a path, by proxies that take the path away and by those that do not."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send


class BelowRootPath:
    """Takes the path away itself if it is there, so that nothing inside has to know of it."""

    def __init__(self, app: ASGIApp, root_path: str, own_paths: Collection[str]) -> None:
        self._app = app
        self._root_path = root_path
        self._own_paths = own_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = self._without_root_path(scope["path"])
        await self._app(scope, receive, send)

    def _without_root_path(self, path: str) -> str:
        # Below /auth, /auth/verify comes from whoever asks without a proxy, or by one that has taken /auth away.
        if not path.startswith(self._root_path) or path in self._own_paths:
            return path
        rest = path[len(self._root_path) :]
        if rest.startswith("/"):
            return rest
        return path if rest else "/"
