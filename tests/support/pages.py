"""What a browser would load for a page."""

import re

import httpx


async def modules_of(client: httpx.AsyncClient, main: str) -> set[str]:
    """Return the paths of all modules that the module `main` imports, itself included. Each is served as a script."""
    seen = {main}
    waiting = [main]
    while waiting:
        path = waiting.pop()
        script = await client.get(path)
        assert script.status_code == 200, path
        assert script.headers["content-type"].split(";")[0] in {"text/javascript", "application/javascript"}
        names = re.findall(r'^(?:import|export|\}) .*?from "(.*?)"', script.text, re.MULTILINE)
        new = {httpx.URL(path).join(name).path for name in names} - seen
        seen |= new
        waiting += new
    return seen
