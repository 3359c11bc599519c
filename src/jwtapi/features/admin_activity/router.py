"""/api/admin: events and their export, API keys, clients, mails, and the dashboard."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import StreamingResponse

from jwtapi.administration.dependencies import AdministratorDep, get_administrator
from jwtapi.api_keys.service import ApiKeyService
from jwtapi.clients.service import ClientService
from jwtapi.features.admin_activity import documentation
from jwtapi.features.admin_activity.dashboard import Dashboard
from jwtapi.features.admin_activity.dependencies import (
    EventQueryDep,
    ExportQueryDep,
    KeyQueryDep,
    MailQueryDep,
)
from jwtapi.features.admin_activity.export import EventExport, ExportFormat
from jwtapi.features.admin_activity.schemas import (
    AuditEvent,
    AuditEventPage,
    DashboardNumbers,
    ListedApiKey,
    ListedApiKeyPage,
    ListedClient,
    ListedClients,
    ListedMail,
    ListedMailPage,
)
from jwtapi.features.admin_activity.service import ActivityService
from jwtapi.web.dependencies import ClockDep, provided
from jwtapi.web.pages import encode_cursor
from jwtapi.web.routes import PathId, StrictRoute

router = APIRouter(
    prefix="/api/admin",
    route_class=StrictRoute,
    tags=["administration"],
    dependencies=[Depends(get_administrator)],
)

ActivityDep = Annotated[ActivityService, provided(ActivityService)]
EventExportDep = Annotated[EventExport, provided(EventExport)]
ClientsDep = Annotated[ClientService, provided(ClientService)]

_MEDIA_TYPES = {ExportFormat.CSV: "text/csv; charset=utf-8", ExportFormat.JSON_LINES: "application/x-ndjson"}


@router.get(
    "/events",
    summary="List what has happened",
    responses=documentation.EVENTS,
    openapi_extra=documentation.EVENTS_QUERY,
)
async def list_events(query: EventQueryDep, activity: ActivityDep) -> AuditEventPage:
    """Return events that match all filters, the newest first.

    A page may have fewer events than `limit`, or none, although others follow: go on until `next` is null.
    """
    page = await activity.events(query.which, before=query.before, limit=query.limit)
    return AuditEventPage(
        events=[AuditEvent.of(found) for found in page.found],
        next=encode_cursor(str(page.next)) if page.next is not None else None,
    )


@router.get(
    "/events/export",
    summary="Export what has happened",
    response_class=StreamingResponse,
    responses=documentation.EXPORT,
    openapi_extra=documentation.EXPORT_QUERY,
)
async def export_events(
    query: ExportQueryDep, administrator: AdministratorDep, export: EventExportDep
) -> StreamingResponse:
    """Return all events that match all filters, the newest first, as a file.

    If the server fails, or if the administrator loses the role meanwhile, the connection is cut: then the file is not
    complete.
    """
    return StreamingResponse(
        await export.write(query.which, query.form, administrator),
        headers={"Content-Disposition": f'attachment; filename="events.{query.form}"'},
        media_type=_MEDIA_TYPES[query.form],
    )


@router.get("/keys", summary="List the API keys", responses=documentation.KEYS, openapi_extra=documentation.PAGE_QUERY)
async def list_all_keys(
    query: KeyQueryDep, keys: Annotated[ApiKeyService, provided(ApiKeyService)]
) -> ListedApiKeyPage:
    """Return the API keys of all users, the newest first."""
    found = await keys.page(before=query.before, limit=query.limit + 1)
    page = found[: query.limit]
    follow = len(found) > len(page)
    return ListedApiKeyPage(
        keys=[ListedApiKey.of(owned) for owned in page],
        next=encode_cursor(page[-1].key.created_at, page[-1].key.id) if follow else None,
    )


@router.get("/clients", summary="List the clients", responses=documentation.CLIENTS)
async def list_clients(clients: ClientsDep) -> ListedClients:
    """Return all services and apps with an id and a secret of their own. `jwtapi client create` makes them."""
    return ListedClients(clients=[ListedClient.of(client) for client in await clients.list()])


@router.delete("/clients/{id}", status_code=204, summary="Delete a client", responses=documentation.DELETE_CLIENT)
async def delete_client(
    client_id: Annotated[PathId, Path(alias="id")],
    activity: ActivityDep,
    administrator: AdministratorDep,
) -> None:
    """Delete a client. Its secret and its tokens are refused from the next request on."""
    await activity.delete_client(client_id, administrator)


@router.get("/mails", summary="List the mails", responses=documentation.MAILS, openapi_extra=documentation.PAGE_QUERY)
async def list_mails(query: MailQueryDep, activity: ActivityDep, clock: ClockDep) -> ListedMailPage:
    """Return the mails that wait or were given up, without what they contain."""
    found = await activity.mails(after=query.after, limit=query.limit)
    page = found[: query.limit]
    return ListedMailPage(
        mails=[ListedMail.of(mail, clock()) for mail in page],
        next=encode_cursor(page[-1].id) if len(found) > len(page) else None,
    )


@router.post("/mails/{id}/retry", status_code=204, summary="Send a mail now", responses=documentation.RETRY_MAIL)
async def retry_mail(
    mail_id: Annotated[PathId, Path(alias="id")],
    activity: ActivityDep,
    administrator: AdministratorDep,
) -> None:
    """Let a mail be sent now if it was given up, or if its last attempt failed."""
    await activity.retry_mail(mail_id, administrator)


@router.delete("/mails/{id}", status_code=204, summary="Delete a mail", responses=documentation.DELETE_MAIL)
async def delete_mail(
    mail_id: Annotated[PathId, Path(alias="id")],
    activity: ActivityDep,
    administrator: AdministratorDep,
) -> None:
    """Delete a mail from the outbox. One that is being sent may arrive nevertheless."""
    await activity.delete_mail(mail_id, administrator)


@router.get("/dashboard", summary="Read the dashboard", responses=documentation.DASHBOARD)
async def read_dashboard(dashboard: Annotated[Dashboard, provided(Dashboard)]) -> DashboardNumbers:
    """Return numbers for pictures: sign-ins, sessions, users, mails, and the load of this process."""
    return DashboardNumbers.of(await dashboard.read())
