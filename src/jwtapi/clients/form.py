"""Reads the forms that OAuth2 clients send (RFC 6749, appendix B)."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from jwtapi.clients.errors import InvalidRequest

FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 20
_MAX_BYTES = 16 * 1024
"""Of a form. The longest password, percent-encoded, is shorter. Decoding 64 KiB of percent signs would take 25 ms."""


async def get_form(request: Request) -> Mapping[str, str]:
    """Return the parameters of the form in the body. A GET request has none.

    Raises:
        InvalidRequest: the body is no form, or a parameter occurs twice.
    """
    if request.method == "GET":
        return {}
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM or request.headers.get("content-encoding", "identity") != "identity":
        raise InvalidRequest(f"Content-Type must be {FORM}")
    body = await request.body()
    if len(body) > _MAX_BYTES:
        raise InvalidRequest("The form is too long")
    try:
        # Percent-encoding is ASCII. The decoded bytes must be UTF-8.
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise InvalidRequest("The form cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidRequest("A parameter occurs twice")
    return fields


def required(form: Mapping[str, str], *names: str) -> list[str]:
    """Return parameters of the form. An empty one counts as omitted (RFC 6749 §3.2).

    Raises:
        InvalidRequest: one of them is missing.
    """
    if missing := [name for name in names if not form.get(name)]:
        raise InvalidRequest(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    return [form[name] for name in names]


FormDep = Annotated[Mapping[str, str], Depends(get_form)]
