"""What any endpoint may ask for."""

from typing import Annotated

from fastapi import Depends, Request

from jwtapi.client import Client
from jwtapi.logs import request_id
from jwtapi.resources import Resources
from jwtapi.web.rate_limits import RateLimits

MAX_ADDRESS = 64
"""Characters; more than any address of IPv6 has."""


async def get_resources(request: Request) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


async def get_rate_limits(request: Request) -> RateLimits:
    rate_limits: RateLimits = request.app.state.rate_limits
    return rate_limits


async def get_client(request: Request) -> Client:
    # Cut: a proxy that is trusted may still pass on what is no address.
    address = request.client.host[:MAX_ADDRESS] if request.client else None
    return Client(address=address, request_id=request_id.get())


ResourcesDep = Annotated[Resources, Depends(get_resources)]
RateLimitsDep = Annotated[RateLimits, Depends(get_rate_limits)]
ClientDep = Annotated[Client, Depends(get_client)]
