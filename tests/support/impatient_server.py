"""A server with timeouts of half a second for clients: `python -m tests.support.impatient_server`.

It is a separate program because no setting changes these timeouts.
"""

import asyncio

from jwtapi.composition import settings_class
from jwtapi.http_protocol import Timeouts
from jwtapi.logs import configure_logging
from jwtapi.server import serve
from jwtapi.settings import Settings, load_settings
from jwtapi.storage.database import Database


async def migrate(settings: Settings) -> None:
    database = Database.of(settings)
    await database.migrate()
    await database.close()


def main() -> None:
    settings = load_settings(kind=settings_class())
    configure_logging(settings.log_format, settings.log_level)
    asyncio.run(migrate(settings))
    serve(settings, timeouts=Timeouts(receive=0.5, send=0.5))


if __name__ == "__main__":
    main()
