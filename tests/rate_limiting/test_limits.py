import pytest

from jwtapi.rate_limiting.limits import Limit
from jwtapi.sign_in.limits import LOGIN


def test_two_limits_with_the_same_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="'login' is declared twice"):
        Limit(name=LOGIN.name, amount=lambda _: "5/hour")
