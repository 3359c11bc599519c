"""The form of bodies: camelCase on the wire, and one shape for every error."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Schema(BaseModel):
    """Base of requests and answers. Types are strict: 5 is no user name."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, strict=True, frozen=True)


class Message(Schema):
    message: str


class FieldProblem(Schema):
    field: Annotated[str, Field(description="Where in the request, dots between levels.")]
    message: str


class Problem(Schema):
    """What every error looks like."""

    message: Annotated[str, Field(description="For people.")]
    code: Annotated[str, Field(description="For programs: stable, from the catalogue in the README.")]
    errors: Annotated[list[FieldProblem] | None, Field(description="Which fields are at fault, where fields are.")] = (
        None
    )
