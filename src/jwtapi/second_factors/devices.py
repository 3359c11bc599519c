"""Devices on which a user is asked for no second factor."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from jwtapi.caller import Caller
from jwtapi.second_factors import tickets
from jwtapi.storage.remembered_devices import RememberedDevice, RememberedDeviceRepository
from jwtapi.storage.unit_of_work import UnitOfWork
from jwtapi.storage.users import User


@dataclass(frozen=True, slots=True)
class DeviceToRemember:
    """A device that is remembered if the session opens."""

    cookie: str = field(repr=False)
    caller: Caller
    created_at: datetime
    expires_at: datetime

    def remember(self, uow: UnitOfWork, user: User) -> None:
        device = RememberedDevice(
            id=uuid4(),
            user_id=user.id,
            token_hash=tickets.hash_of(self.cookie),
            user_state=tickets.state_of(user),
            created_at=self.created_at,
            expires_at=self.expires_at,
            address=self.caller.address,
            user_agent=self.caller.user_agent,
        )
        RememberedDeviceRepository(uow.connection).add(device)
