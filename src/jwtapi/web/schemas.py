"""The form of bodies: camelCase names, and one form for every error."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from jwtapi.web.errors import catalogue

EXAMPLE_ID = "0199e5f2-6c1d-7a30-8f2b-94e1c07d5a36"
EXAMPLE_TIME = "2026-11-23T14:56:54.403661Z"


class Schema(BaseModel):
    """Base of the bodies of requests and responses. Types are strict: the number 5 is not a user name."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        frozen=True,
        json_schema_serialization_defaults_required=True,
    )


Text = Annotated[str, Field(pattern=r"^[^\u0000]*$")]
"""Text that is stored. It has no NUL character, because PostgreSQL stores none."""


def or_null(type_: str, **more: Any) -> WithJsonSchema:
    """Return the JSON schema of a member that may be null, in a form that every generator of clients understands."""
    return WithJsonSchema({"type": [type_, "null"], **more})


TextOrNull = Annotated[str | None, or_null("string")]
Time = Annotated[datetime, Field(description="RFC 3339, in UTC.", examples=[EXAMPLE_TIME])]
TimeOrNull = Annotated[
    datetime | None,
    or_null("string", format="date-time"),
    Field(description="RFC 3339, in UTC.", examples=[EXAMPLE_TIME]),
]


class Message(Schema):
    """States what was done, for people."""

    message: str


class FieldError(Schema):
    """What is wrong with one field."""

    field: Annotated[str, Field(description="The path of the field in the request, with dots between levels.")]
    message: Annotated[str, Field(description="For people.")]


_ERROR_CODE = """\
What went wrong, for programs. No code ever changes its meaning. A later version may add codes: a client that does not
know a code should go by the status.

"""


def _list_codes(schema: dict[str, Any]) -> None:
    errors = catalogue()
    schema["description"] = _ERROR_CODE + "".join(f"- `{error.code}`: {error.meaning}\n" for error in errors)
    schema["enum"] = [error.code for error in errors]


class ErrorCode(RootModel[str]):
    # A function: it runs when the document is made, and by then every feature has defined its errors.
    model_config = ConfigDict(json_schema_extra=_list_codes)


class ErrorBody(Schema):
    """The body of every error."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    message: Annotated[str, Field(description="For people; it may change.")]
    code: ErrorCode
    errors: Annotated[
        list[FieldError] | SkipJsonSchema[None], Field(description="The wrong fields, if the error is about fields.")
    ] = None
    max_age: Annotated[
        int | SkipJsonSchema[None],
        Field(description="Seconds. The user must have signed in at most so long ago (RFC 9470)."),
    ] = None
    ticket: Annotated[
        str | SkipJsonSchema[None], Field(description="If a second factor is required: what takes it, at `/login/mfa`.")
    ] = None
    methods: Annotated[list[str] | SkipJsonSchema[None], Field(description="The second factors that are possible.")] = (
        None
    )
