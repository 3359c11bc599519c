"""Sends the requests that the examples in the OpenAPI document describe."""

from typing import Any, NamedTuple

import httpx

from tests.support.api import Api
from tests.support.provoking import declared

Document = dict[str, Any]


class Operation(NamedTuple):
    method: str
    path: str
    described: dict[str, Any]


def operations(document: Document) -> list[Operation]:
    return [
        Operation(method.upper(), path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    ]


async def document_of(api: Api) -> Document:
    document: Document = (await api.client().get("/openapi.json")).json()
    return document


def example_of(schema: dict[str, Any], document: Document) -> Any:
    """What tools make up as an example: out of those of the members."""
    if "$ref" in schema:
        return example_of(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if "examples" in schema:
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "array":
        return [example_of(schema["items"], document)]
    return {name: example_of(member, document) for name, member in schema["properties"].items()}


class Asker:
    """Asks as the examples say, or as the tests of the features say if an example cannot work as it is."""

    def __init__(self, api: Api, document: Document) -> None:
        self.api = api
        self.client = api.client()
        self.document = document
        self.operations = {operation.described["operationId"]: operation for operation in operations(document)}

    async def ask(self, operation_id: str) -> httpx.Response:
        method, path, described = self.operations[operation_id]
        if (request := declared("REQUESTS").get(operation_id)) is not None:
            response: httpx.Response = await request(self.api, self.client)
            return response
        for media_type, content in described.get("requestBody", {}).get("content", {}).items():
            headers = {"Content-Type": media_type}
            if "examples" in content:
                form = next(iter(content["examples"].values()))["value"]
                return await self.client.request(method, path, data=form, headers=headers)
            body = example_of(content["schema"], self.document)
            return await self.client.request(method, path, json=body, headers=headers)
        return await self.client.request(method, path)

    async def ask_everything(self) -> dict[str, httpx.Response]:
        """Register, sign in, ask every other operation, and sign out; return the answers by operation."""
        answers = {operation_id: await self.ask(operation_id) for operation_id in ("register", "login")}
        self.client.headers["Authorization"] = f"Bearer {answers['login'].json()['accessToken']}"
        last = ("refresh", "logout", "token")
        others = [operation_id for operation_id in self.operations if operation_id not in {*answers, *last}]
        others.sort(key=lambda operation_id: self.operations[operation_id].method == "GET")  # reads come after changes
        return answers | {operation_id: await self.ask(operation_id) for operation_id in (*others, *last)}
