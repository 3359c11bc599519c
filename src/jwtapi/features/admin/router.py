"""The endpoints under /api/admin/users, and POST /api/admin/invitations."""

from typing import Annotated

from fastapi import APIRouter, Depends

from jwtapi.administration.dependencies import GIVES, AdministratorDep, get_administrator
from jwtapi.api_keys.bodies import CreatedApiKey, NewApiKeyRequest, UserApiKey, UserApiKeyList
from jwtapi.features.admin import documentation
from jwtapi.features.admin.changes import UserChanges, Wanted
from jwtapi.features.admin.creation import NewUsers, WantedUser
from jwtapi.features.admin.dependencies import QUERY_DOCUMENTATION, UsersQueryDep, next_of
from jwtapi.features.admin.directory import UserDirectory
from jwtapi.features.admin.schemas import (
    AdminSession,
    AdminSessionList,
    AdminUser,
    AdminUserPage,
    CreatedUser,
    Invitation,
    InvitationRequest,
    NewUser,
    ResetLink,
    UserChange,
)
from jwtapi.security.email_addresses import parse_email
from jwtapi.web.dependencies import provided
from jwtapi.web.routes import PathId, StrictRoute

# The role is required here, once for all routes, so that no route can be added without it.
router = APIRouter(
    prefix="/api/admin", route_class=StrictRoute, tags=["administration"], dependencies=[Depends(get_administrator)]
)

DirectoryDep = Annotated[UserDirectory, provided(UserDirectory)]
ChangesDep = Annotated[UserChanges, provided(UserChanges)]
NewUsersDep = Annotated[NewUsers, provided(NewUsers)]


@router.get("/users", summary="Search users", responses=documentation.SEARCH, openapi_extra=QUERY_DOCUMENTATION)
async def search_users(query: UsersQueryDep, directory: DirectoryDep) -> AdminUserPage:
    """Return users, page by page: all, or those who match every parameter.

    `query` is compared as names and addresses are: case, width and composition make no difference.
    """
    page = await directory.search(query.which, order=query.order, after=query.after, limit=query.limit)
    return AdminUserPage(users=[AdminUser.of(user) for user in page.users], next=next_of(page, query.order))


@router.post("/users", status_code=201, summary="Create a user", responses=documentation.CREATE, dependencies=GIVES)
async def create_user(body: NewUser, administrator: AdministratorDep, new_users: NewUsersDep) -> CreatedUser:
    """Create a user or a service account, whatever REGISTRATION is.

    Somebody who gets no password here sets one by a link, which is sent to `email`, or returned if there is none.
    """
    wanted = WantedUser(
        username=body.username,
        password=body.password.get_secret_value() if body.password is not None else None,
        email=parse_email(body.email) if body.email is not None else None,
        roles=body.roles,
        metadata=body.metadata,
        is_service_account=body.is_service_account,
    )
    created = await new_users.create(administrator, wanted)
    return CreatedUser.of(created.user, reset_link=created.reset_link)


@router.post(
    "/invitations", status_code=201, summary="Invite somebody", responses=documentation.INVITE, dependencies=GIVES
)
async def invite(body: InvitationRequest, administrator: AdministratorDep, new_users: NewUsersDep) -> Invitation:
    """Send a link by which somebody can register, unless REGISTRATION is `closed`. A former invitation is void."""
    return Invitation(link=await new_users.invite(administrator, parse_email(body.email), body.roles))


@router.get("/users/{user_id}", summary="Read a user", responses=documentation.READ)
async def read_user(user_id: PathId, directory: DirectoryDep) -> AdminUser:
    """Return a user. A deleted user is not there."""
    return AdminUser.of(await directory.get(user_id))


@router.patch("/users/{user_id}", summary="Change a user", responses=documentation.CHANGE)
async def change_user(
    user_id: PathId, body: UserChange, administrator: AdministratorDep, changes: ChangesDep
) -> AdminUser:
    """Change roles, state and metadata together, or nothing. Access tokens of before are refused immediately.

    `roles` and `metadata` replace what is there. A disabled user is signed out everywhere. Adding a role, enabling and
    changing metadata need a recent sign-in, which no API key has. Removing a role and disabling do not.
    """
    sent = body.model_fields_set
    wanted = Wanted(
        roles=body.roles if "roles" in sent else None,
        disabled=body.disabled if "disabled" in sent else None,
        metadata=body.metadata if "metadata" in sent else None,
    )
    return AdminUser.of(await changes.change(administrator, user_id, wanted))


@router.delete("/users/{user_id}", status_code=204, summary="Delete a user", responses=documentation.DELETE)
async def delete_user(user_id: PathId, administrator: AdministratorDep, changes: ChangesDep) -> None:
    """Delete a user with everything that belongs to the user. Nothing can be undone. The name is free immediately."""
    await changes.delete(administrator, user_id)


@router.post(
    "/users/{user_id}/force-password-reset",
    status_code=204,
    summary="Force a new password",
    responses=documentation.FORCE_PASSWORD_RESET,
    dependencies=GIVES,
)
async def force_password_reset(user_id: PathId, administrator: AdministratorDep, changes: ChangesDep) -> None:
    """Remove the password and end all sessions. A link for a new one is sent to the verified address, if there is one.

    Passkeys still sign the user in.
    """
    await changes.force_password_reset(administrator, user_id)


@router.post(
    "/users/{user_id}/reset-link",
    summary="Make a link to set a password",
    responses=documentation.RESET_LINK,
    dependencies=GIVES,
)
async def make_reset_link(user_id: PathId, administrator: AdministratorDep, changes: ChangesDep) -> ResetLink:
    """Return a link by which the user can set a password. Give it to nobody else. It is void after any change."""
    return ResetLink(link=await changes.reset_link(administrator, user_id))


@router.post(
    "/users/{user_id}/reset-mfa",
    status_code=204,
    summary="Remove the second factors",
    responses=documentation.RESET_MFA,
    dependencies=GIVES,
)
async def reset_second_factors(user_id: PathId, administrator: AdministratorDep, changes: ChangesDep) -> None:
    """Remove all second factors of somebody who has lost them, and end all sessions.

    Passkeys stay if the user could not sign in without them.
    """
    await changes.reset_mfa(administrator, user_id)


@router.get("/users/{user_id}/sessions", summary="List the sessions of a user", responses=documentation.SESSIONS)
async def list_sessions_of_user(user_id: PathId, directory: DirectoryDep) -> AdminSessionList:
    """Return where the user is signed in."""
    return AdminSessionList(sessions=[AdminSession.of(session) for session in await directory.sessions(user_id)])


@router.delete(
    "/users/{user_id}/sessions",
    status_code=204,
    summary="End all sessions of a user",
    responses=documentation.END_SESSIONS,
)
async def end_sessions_of_user(user_id: PathId, administrator: AdministratorDep, changes: ChangesDep) -> None:
    """Sign the user out everywhere, immediately."""
    await changes.end_sessions(administrator, user_id)


@router.delete(
    "/users/{user_id}/sessions/{session_id}",
    status_code=204,
    summary="End a session of a user",
    responses=documentation.END_SESSION,
)
async def end_session_of_user(
    user_id: PathId, session_id: PathId, administrator: AdministratorDep, changes: ChangesDep
) -> None:
    """End a session of the user, immediately. A session of somebody else is not there."""
    await changes.end_session(administrator, user_id, session_id)


@router.get("/users/{user_id}/keys", summary="List the API keys of a user", responses=documentation.KEYS)
async def list_api_keys_of_user(user_id: PathId, directory: DirectoryDep) -> UserApiKeyList:
    """Return the keys of a user. Nobody can show a key again."""
    return UserApiKeyList(keys=[UserApiKey.of(key) for key in await directory.keys(user_id)])


@router.post(
    "/users/{user_id}/keys",
    status_code=201,
    summary="Make an API key for a service account",
    responses=documentation.CREATE_KEY,
    dependencies=GIVES,
)
async def create_api_key_of_user(
    user_id: PathId, body: NewApiKeyRequest, administrator: AdministratorDep, changes: ChangesDep
) -> CreatedApiKey:
    """Make a key by which a program acts as a service account. People make their own keys."""
    return CreatedApiKey.of(await changes.create_key(administrator, user_id, body.wanted()))


@router.delete(
    "/users/{user_id}/keys/{key_id}",
    status_code=204,
    summary="Revoke an API key of a user",
    responses=documentation.REVOKE_KEY,
)
async def revoke_api_key_of_user(
    user_id: PathId, key_id: PathId, administrator: AdministratorDep, changes: ChangesDep
) -> None:
    """Refuse a key from now on, permanently. A key of somebody else is not there."""
    await changes.revoke_key(administrator, user_id, key_id)
