"""The answer to the second step of a login."""

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from jwtapi.second_factors.schemas import EXAMPLE_RECOVERY_CODES, let_codes_be_left_out
from jwtapi.sign_in.schemas import LoginAnswer


class MfaLoginAnswer(LoginAnswer):
    """As that of a login."""

    model_config = ConfigDict(json_schema_extra=let_codes_be_left_out)

    recovery_codes: Annotated[
        list[str] | SkipJsonSchema[None],
        Field(
            repr=False,
            description="Only if the user has just set up the first factor: each works once, and is never shown again.",
            examples=[EXAMPLE_RECOVERY_CODES],
        ),
    ] = None
