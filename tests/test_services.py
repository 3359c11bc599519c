import pytest
from pydantic import BaseModel

from jwtapi.clock import system_clock
from jwtapi.services import Services
from tests.conftest import MakeSettings, on_sqlite


class First:
    pass


class Second:
    pass


@on_sqlite
def test_a_service_is_found_by_its_class(make_settings: MakeSettings) -> None:
    services = Services(make_settings(), system_clock)
    first, second = First(), Second()
    services.add(first, second)
    assert services[First] is first
    assert services[Second] is second


@on_sqlite
def test_a_second_service_of_one_class_is_refused(make_settings: MakeSettings) -> None:
    services = Services(make_settings(), system_clock)
    services.add(First())
    with pytest.raises(ValueError, match="First"):
        services.add(First())


@on_sqlite
def test_the_settings_of_a_feature_that_is_not_listed_are_refused(make_settings: MakeSettings) -> None:
    class Unlisted(BaseModel):
        unlisted: int = 1

    with pytest.raises(TypeError, match="Unlisted"):
        make_settings().of(Unlisted)


@on_sqlite
async def test_what_was_opened_last_is_closed_first(make_settings: MakeSettings) -> None:
    closed: list[int] = []
    services = Services(make_settings(), system_clock)
    for number in (1, 2):

        async def close(number: int = number) -> None:
            closed.append(number)

        services.on_close(close)
    await services.close()
    assert closed == [2, 1]
