"""/api/mfa: the authenticator app, recovery codes and remembered devices."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from jwtapi.authentication.dependencies import CurrentUser, PrincipalDep, get_session_principal
from jwtapi.authentication.step_up import RecentSignIn
from jwtapi.features.mfa import documentation
from jwtapi.features.mfa.schemas import CodeRequest, MfaState, RememberedDevice, RememberedDeviceList
from jwtapi.features.mfa.service import MfaService
from jwtapi.second_factors.schemas import RecoveryCodesAnswer, TotpSetUpAnswer
from jwtapi.web.dependencies import CallerDep, provided
from jwtapi.web.routes import PathId, StrictRoute

router = APIRouter(
    prefix="/api/mfa", route_class=StrictRoute, tags=["mfa"], dependencies=[Depends(get_session_principal)]
)

MfaServiceDep = Annotated[MfaService, provided(MfaService)]


@router.get("", summary="List the second factors", responses=documentation.STATE)
async def get_second_factors(user: CurrentUser, mfa: MfaServiceDep) -> MfaState:
    """Return which second factors the user has, and what this server offers."""
    state = await mfa.state(user)
    return MfaState(
        enabled=user.second_factor_since is not None,
        since=user.second_factor_since,
        totp_since=state.totp_since,
        recovery_codes=state.recovery_codes,
        passkeys=state.passkeys,
        has_password=user.password_hash is not None,
        required=state.required,
        required_from=user.second_factor_due_at if state.required else None,
        methods=list(state.methods),
        remember_device_seconds=state.remember_device_seconds,
    )


@router.post(
    "/totp", summary="Begin to set up an authenticator app", responses=documentation.BEGIN, dependencies=[RecentSignIn]
)
async def begin_totp(user: CurrentUser, mfa: MfaServiceDep) -> TotpSetUpAnswer:
    """Make a secret for an authenticator app. It asks for nothing until its first code is sent to `confirm`."""
    set_up = await mfa.begin_totp(user)
    return TotpSetUpAnswer(secret=set_up.secret, uri=set_up.uri, qr_svg=await asyncio.to_thread(set_up.qr_svg))


@router.post(
    "/totp/confirm",
    summary="Turn on the authenticator app",
    responses=documentation.CONFIRM,
    dependencies=[RecentSignIn],
)
async def confirm_totp(
    body: CodeRequest, principal: PrincipalDep, mfa: MfaServiceDep, caller: CallerDep
) -> RecoveryCodesAnswer:
    """Send the first code of the app. From now on, the password alone does not suffice.

    If it is the first second factor, the response has ten recovery codes: show them once.
    """
    codes = await mfa.confirm_totp(principal, body.code.get_secret_value(), caller)
    return RecoveryCodesAnswer(recovery_codes=list(codes))


@router.delete(
    "/totp",
    status_code=204,
    summary="Turn off the authenticator app",
    responses=documentation.REMOVE,
    dependencies=[RecentSignIn],
)
async def remove_totp(principal: PrincipalDep, mfa: MfaServiceDep, caller: CallerDep) -> None:
    """Turn it off, and end all other sessions. This one goes on after a refresh."""
    await mfa.remove_totp(principal, caller)


@router.post(
    "/recovery-codes", summary="Make new recovery codes", responses=documentation.NEW_CODES, dependencies=[RecentSignIn]
)
async def make_recovery_codes(principal: PrincipalDep, mfa: MfaServiceDep, caller: CallerDep) -> RecoveryCodesAnswer:
    """Make ten recovery codes in place of all others."""
    return RecoveryCodesAnswer(recovery_codes=list(await mfa.new_recovery_codes(principal, caller)))


@router.get("/devices", summary="List the remembered devices", responses=documentation.DEVICES)
async def list_remembered_devices(user: CurrentUser, mfa: MfaServiceDep) -> RememberedDeviceList:
    """Return where the user is asked for no second factor, at most 100 devices."""
    return RememberedDeviceList(
        devices=[
            RememberedDevice(
                id=remembered.id,
                device=device,
                address=remembered.address,
                created_at=remembered.created_at,
                expires_at=remembered.expires_at,
            )
            for remembered, device in await mfa.devices(user)
        ]
    )


@router.delete("/devices", status_code=204, summary="Forget all remembered devices", responses=documentation.FORGET_ALL)
async def forget_remembered_devices(principal: PrincipalDep, mfa: MfaServiceDep) -> None:
    """Ask for the second factor on every device again."""
    await mfa.forget_devices(principal.user_id)


@router.delete("/devices/{id}", status_code=204, summary="Forget a remembered device", responses=documentation.FORGET)
async def forget_remembered_device(
    device_id: Annotated[PathId, Path(alias="id")],
    principal: PrincipalDep,
    mfa: MfaServiceDep,
) -> None:
    """Ask for the second factor on this device again."""
    await mfa.forget_device(device_id, principal.user_id)
