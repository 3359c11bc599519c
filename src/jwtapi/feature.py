"""What a feature gives to the composition root."""

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastapi import APIRouter
from pydantic import BaseModel

from jwtapi.authentication.fast_path import PrincipalEndpoint
from jwtapi.housekeeping import Prune
from jwtapi.services import Services
from jwtapi.settings import Settings
from jwtapi.storage.personal_data import PersonalData


class Job(NamedTuple):
    """Work in the background of each serving process."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]
    """Runs until it is cancelled, whatever happens to the database meanwhile."""


def _nothing(_: Services) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class Feature:
    """A package's `feature.py` has one, called `feature`. Every part may be left out.

    Tables, errors, events and limits need no entry: they are known when the package is loaded.
    """

    routers: Sequence[APIRouter] = ()
    is_on: Callable[[Settings], bool] = lambda _: True
    """Whether its routers are served."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tags that its routers are the first to have, each with its description for the API documentation."""
    fast_endpoints: Sequence[PrincipalEndpoint] = ()
    """Those of its endpoints that are answered without FastAPI, once for each session."""
    direct_endpoints: Collection[Callable[..., Any]] = ()
    """Those of its endpoints that are called without FastAPI, for each request. See `web/direct_routes.py`."""
    public_paths: Collection[str] = ()
    """Those of its paths that pages of every origin may read, without credentials, whatever CORS_ORIGINS lists."""
    complete_document: Callable[[dict[str, Any], Settings], None] | None = None
    """Adds to the OpenAPI document what only the settings decide."""
    settings: type[BaseModel] | None = None
    """A pydantic model whose fields become settings of jwtapi."""
    services: Callable[[Services], Iterable[object]] = field(default=_nothing)
    """Makes the services of the feature out of those of the layers below it."""
    jobs: Callable[[Services], Iterable[Job]] = field(default=_nothing)
    prunes: Callable[[Services], Iterable[Prune]] = field(default=_nothing)
    """What housekeeping deletes once a minute."""
    personal_data: Sequence[PersonalData] = ()
    """What its tables keep of a user, for the export of an account."""
