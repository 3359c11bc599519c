"""Checks the errors that tests get: an operation may respond only with errors that its documentation lists."""

import re
from typing import Any

import httpx

from jwtapi.app import openapi_document
from jwtapi.settings import Settings

NOT_DOCUMENTED = {
    "method_not_allowed": "the path has no operation with this method",
    "bad_request": "no request gets it with this version of FastAPI",
}
"""The codes that no operation documents, with the reason."""

ALSO_WITHOUT_OPERATION = {"not_found"}
"""The codes that some operations document, and that paths without an operation get too."""

_paths: dict[bool, dict[str, Any]] = {}
"""The paths of the document, by whether `/metrics` is one of them. No other setting changes the codes."""


class DocumentedErrors:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def check(self, response: httpx.Response) -> None:
        """Fail if the response is an error that its operation does not document. For the `event_hooks` of httpx."""
        if response.status_code < 400 or not await response.aread():
            return
        if response.request.url.path.startswith("/docs"):
            return  # Starlette responds in plain text to a `Range` of a file that it cannot serve
        code = response.json()["code"]
        has_operation = code not in NOT_DOCUMENTED.keys() | ALSO_WITHOUT_OPERATION
        operation = self._operation(response.request) if has_operation else None
        if operation is not None:
            codes = documented_codes(operation).get(response.status_code, ())
            assert code in codes, f"{response.request.method} {response.request.url.path} does not document {code}"

    def _operation(self, request: httpx.Request) -> dict[str, Any] | None:
        method = "get" if request.method == "HEAD" else request.method.lower()
        path = request.url.path.removeprefix(self._settings.root_path or "")
        for template, operations in self._documented_paths().items():
            if method in operations and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
                operation: dict[str, Any] = operations[method]
                return operation
        return None

    def _documented_paths(self) -> dict[str, Any]:
        has_metrics = self._settings.has_metrics_endpoint
        if has_metrics not in _paths:
            _paths[has_metrics] = openapi_document(self._settings)["paths"]
        return _paths[has_metrics]


def documented_codes(operation: dict[str, Any]) -> dict[int, set[str]]:
    """Return the error codes that an operation documents, by status."""
    return {
        int(status): {code for content in response.get("content", {}).values() for code in content.get("examples", ())}
        for status, response in operation["responses"].items()
    }
