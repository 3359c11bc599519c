"""What any endpoint may ask for."""

from typing import Annotated

from fastapi import Depends, Request

from jwtapi.client import Client
from jwtapi.logs import client_address, request_id
from jwtapi.resources import Resources
from jwtapi.web.rate_limits import RateLimits


async def get_resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


async def get_rate_limits(request: Request) -> RateLimits:
    rate_limits: RateLimits = request.app.state.rate_limits
    return rate_limits


async def get_client(request: Request) -> Client:
    return Client(address=client_address(request.scope), request_id=request_id.get())


ResourcesDep = Annotated[Resources, Depends(get_resources)]
RateLimitsDep = Annotated[RateLimits, Depends(get_rate_limits)]
ClientDep = Annotated[Client, Depends(get_client)]
