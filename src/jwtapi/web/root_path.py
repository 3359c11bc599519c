"""Serves the app below ROOT_PATH. It does not matter whether a proxy removes the path or passes it on."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send


class StripRootPath:
    """Removes ROOT_PATH if the request has it, so that the inner app does not need to know it."""

    def __init__(self, app: ASGIApp, root_path: str, own_paths: Collection[str]) -> None:
        self._app = app
        self._root_path = root_path
        self._own_paths = own_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = self._without_root_path(scope["path"])
        await self._app(scope, receive, send)

    def _without_root_path(self, path: str) -> str:
        # With ROOT_PATH=/auth, the path /auth/verify is our own: the proxy has removed /auth, or there is no proxy.
        if path in self._own_paths:
            return path
        if not path.startswith(self._root_path):
            # RFC 8414 §3.1: /.well-known/oauth-authorization-server/auth
            return path.removesuffix(self._root_path) if path.startswith("/.well-known/") else path
        rest = path[len(self._root_path) :]
        if rest.startswith("/"):
            return rest
        return path if rest else "/"
