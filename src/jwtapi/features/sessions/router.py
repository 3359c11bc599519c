"""GET and DELETE /api/sessions, and POST /api/reauthenticate."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from jwtapi.authentication.dependencies import PrincipalDep, get_session_principal
from jwtapi.features.sessions import documentation
from jwtapi.features.sessions.schemas import ReauthenticateRequest, UserSession, UserSessionList
from jwtapi.features.sessions.service import UserSessions
from jwtapi.sign_in.dependencies import CookiesDep
from jwtapi.sign_in.schemas import LoginAnswer
from jwtapi.web.dependencies import CallerDep, provided
from jwtapi.web.routes import PathId, StrictRoute

router = APIRouter(
    prefix="/api", route_class=StrictRoute, tags=["sessions"], dependencies=[Depends(get_session_principal)]
)

UserSessionsDep = Annotated[UserSessions, provided(UserSessions)]


@router.get("/sessions", summary="List the sessions", responses=documentation.LIST)
async def list_sessions(principal: PrincipalDep, sessions: UserSessionsDep) -> UserSessionList:
    """Return where the user is signed in, at most 100 sessions."""
    return UserSessionList(
        sessions=[
            UserSession(
                id=session.id,
                current=session.id == principal.session_id,
                created_at=session.created_at,
                last_used_at=session.refreshed_at,
                address=session.address,
                device=listed.device,
                methods=list(listed.methods),
            )
            for listed in await sessions.list(principal.user_id)
            for session in (listed.session,)
        ]
    )


@router.delete("/sessions", status_code=204, summary="End the other sessions", responses=documentation.END_OTHERS)
async def end_other_sessions(principal: PrincipalDep, sessions: UserSessionsDep, caller: CallerDep) -> None:
    """End all sessions of the user except that of this request, immediately."""
    await sessions.end_others(principal, caller)


@router.delete("/sessions/{id}", status_code=204, summary="End a session", responses=documentation.END)
async def end_session(  # noqa: PLR0913, PLR0917  each is a dependency
    session_id: Annotated[PathId, Path(alias="id")],
    principal: PrincipalDep,
    response: Response,
    sessions: UserSessionsDep,
    cookies: CookiesDep,
    caller: CallerDep,
) -> None:
    """End a session of the user, immediately. To end that of this request is to sign out: the cookie is removed."""
    await sessions.end(session_id, principal.user_id, caller)
    if session_id == principal.session_id:
        cookies.clear_refresh_token(response)


@router.post("/reauthenticate", summary="Sign in again", responses=documentation.REAUTHENTICATE)
async def reauthenticate(
    body: ReauthenticateRequest, principal: PrincipalDep, sessions: UserSessionsDep, caller: CallerDep
) -> LoginAnswer:
    """Prove again to be the user, in the same session, before a change that needs a recent sign-in.

    Send the password. A user with a second factor gets 401 `mfa_required` with a ticket, and sends that with a
    method and its code or credential. The new access token has a new `auth_time`. The refresh token stays as it is.
    """
    password = body.password.get_secret_value() if body.password is not None else None
    issued = await sessions.reauthenticate(
        principal, password, body.ticket.get_secret_value() if body.ticket is not None else None, body.answer, caller
    )
    return LoginAnswer(access_token=issued.access_token, expires_in=issued.expires_in)
