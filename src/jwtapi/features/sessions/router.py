"""GET and DELETE /api/sessions, and POST /api/reauthenticate."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from jwtapi.authentication.dependencies import PrincipalDep, get_principal
from jwtapi.errors import NotFound
from jwtapi.features.sessions import documentation
from jwtapi.features.sessions.schemas import ReauthenticateRequest, UserSession, UserSessionList
from jwtapi.features.sessions.service import UserSessions
from jwtapi.sign_in.dependencies import CookiesDep
from jwtapi.sign_in.schemas import LoginAnswer
from jwtapi.web.dependencies import CallerDep, provided
from jwtapi.web.routes import StrictRoute

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["sessions"], dependencies=[Depends(get_principal)])

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
    # Not a UUID for FastAPI, which would answer a malformed one with another error than an unknown one.
    session_id: Annotated[str, Path(alias="id", json_schema_extra={"format": "uuid"})],
    principal: PrincipalDep,
    response: Response,
    sessions: UserSessionsDep,
    cookies: CookiesDep,
    caller: CallerDep,
) -> None:
    """End a session of the user, immediately. To end that of this request is to sign out: the cookie is removed."""
    ended = _parse(session_id)
    await sessions.end(ended, principal.user_id, caller)
    if ended == principal.session_id:
        cookies.clear_refresh_token(response)


@router.post("/reauthenticate", summary="Sign in again", responses=documentation.REAUTHENTICATE)
async def reauthenticate(
    body: ReauthenticateRequest, principal: PrincipalDep, sessions: UserSessionsDep, caller: CallerDep
) -> LoginAnswer:
    """Prove the password again, in the same session, before a change that needs a recent sign-in.

    The new access token has a new `auth_time`. The refresh token stays as it is.
    """
    issued = await sessions.reauthenticate(principal, body.password.get_secret_value(), caller)
    return LoginAnswer(access_token=issued.access_token, expires_in=issued.expires_in)


def _parse(session_id: str) -> UUID:
    """Return the id. Raise NotFound for text that no session has as its id."""
    try:
        parsed = UUID(session_id)
    except ValueError:
        raise NotFound from None
    if str(parsed) != session_id.lower():  # Python also accepts other spellings
        raise NotFound
    return parsed
