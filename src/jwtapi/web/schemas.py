"""The form of bodies: camelCase on the wire, and one shape for every error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, RootModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from jwtapi.errors import ERROR_CODES

EXAMPLE_ID = "0199e5f2-6c1d-7a30-8f2b-94e1c07d5a36"


class Schema(BaseModel):
    """Base of requests and answers. Types are strict: 5 is no user name."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        frozen=True,
        json_schema_serialization_defaults_required=True,
    )


class Message(Schema):
    """What was done, in words for people."""

    message: str


class FieldProblem(Schema):
    """What is wrong with one field."""

    field: Annotated[str, Field(description="Where in the request, dots between levels.")]
    message: Annotated[str, Field(description="For people.")]


_MEANINGS = "\n".join(f"- `{code}`: {meaning}" for code, meaning in ERROR_CODES.items())
_ERROR_CODE = f"""\
What went wrong, for programs. No code ever changes its meaning. A later version may add some: let a client go by the
status where it does not know the code.

{_MEANINGS}
"""


class ErrorCode(RootModel[str]):
    model_config = ConfigDict(json_schema_extra={"description": _ERROR_CODE, "enum": list(ERROR_CODES)})


class Problem(Schema):
    """What every error looks like."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    message: Annotated[str, Field(description="For people; it may change.")]
    code: ErrorCode
    errors: Annotated[
        list[FieldProblem] | SkipJsonSchema[None], Field(description="Which fields are at fault, where fields are.")
    ] = None
