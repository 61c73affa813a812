"""Accounts, their recording switch and their connections."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import Forbidden, NotFound
from vault.web.contract.descriptions import scope
from vault.web.http.auth import Access, TheCaller, TheVault, access, require_scope
from vault.web.http.idempotency import answer_json
from vault.web.http.pagination import read_number
from vault.web.schemas.accounts.settings import (
    AccountIn,
    AccountOut,
    AccountsOut,
    AccountsQuery,
    ConnectionIn,
    ConnectionOut,
    ConnectionsOut,
    SwitchChangeOut,
    SwitchHistoryOut,
    SwitchIn,
    SwitchOut,
)
from vault.web.schemas.base import PageQuery

router = APIRouter(prefix="/v1/accounts/{account}", tags=["accounts"])
listing = APIRouter(prefix="/v1/accounts", tags=["accounts"])
Reading = Annotated[Access, Depends(access("recordings:read"))]
Setting = Annotated[Access, Depends(access("settings:write"))]


@router.put(
    "",
    response_model=AccountOut,
    responses={201: {"model": AccountOut}},
    openapi_extra=scope("settings:write"),
)
async def put_account(
    vault: TheVault, caller: TheCaller, account: Annotated[str, Path(max_length=128)], body: AccountIn
) -> Response:
    """Create an account, or change its name and locale. Only a key for all accounts can create one.

    An account has the region of its vault from its first change on, and keeps it.
    """
    require_scope(caller, "settings:write")
    if caller.key.account_id is not None:
        # NotFound both for a missing account and for another's: this key must not tell them apart.
        found = await vault.accounts.accounts.find(account)
        if found.id != caller.key.account_id:
            raise NotFound("There is no such account.")
    opened, new = await vault.accounts.accounts.open(
        account, name=body.name, locale=body.locale, region=body.region, actor=caller.key.id
    )
    if new and caller.key.account_id is not None:
        raise Forbidden("This key cannot create accounts: it is for one account.")
    warning = (await vault.retention.policy.warnings([opened.id]))[opened.id]
    return answer_json(AccountOut.of(opened, warning), status=201 if new else 200)


@router.get("")
async def get_account(vault: TheVault, allowed: Reading) -> AccountOut:
    """Show the account. `warning` tells while nothing of it is erased by time."""
    found = allowed.account
    return AccountOut.of(found, (await vault.retention.policy.warnings([found.id]))[found.id])


@router.get("/recording-switch", response_model=SwitchOut)
async def get_switch(vault: TheVault, allowed: Reading) -> Response:
    """Show the recording switch."""
    return _switch(SwitchOut.of(await vault.accounts.switch.read(allowed.account.id)))


@router.put("/recording-switch", response_model=SwitchOut)
async def put_switch(vault: TheVault, allowed: Setting, body: SwitchIn) -> Response:
    """Switch recording on or off.

    After the response to off, no recording becomes available until the switch is on again, and recordings
    that are still in progress are permanently refused.
    """
    switch = await vault.accounts.switch.set(
        allowed.account.id, enabled=body.enabled, reason=body.reason, actor=allowed.actor
    )
    return _switch(SwitchOut.of(switch))


@router.get("/recording-switch/history")
async def get_switch_history(
    vault: TheVault, allowed: Reading, asked: Annotated[PageQuery, Query()]
) -> SwitchHistoryOut:
    """List the changes of the switch, oldest first."""
    start = read_number(asked.cursor)
    changes = await vault.accounts.switch.history(allowed.account.id, start=start, limit=asked.limit)
    return SwitchHistoryOut(
        next_cursor=str(start + asked.limit) if len(changes) == asked.limit else None,
        items=[
            SwitchChangeOut(
                enabled=change.enabled, epoch=change.epoch, at=change.at, by=change.by, reason=change.reason
            )
            for change in changes
        ],
    )


@router.put("/connections/{name}")
async def put_connection(
    vault: TheVault, allowed: Setting, name: Annotated[str, Path(max_length=128)], body: ConnectionIn
) -> ConnectionOut:
    """Connect the account to a telephony platform. The secrets are never returned.

    The calling key also needs the scope `ingest`, as whoever has the webhook secret reports calls and recordings.
    """
    if beyond := scopes_beyond("connection", allowed.allows):
        raise Forbidden(f"This key cannot grant scopes that it does not have: {', '.join(beyond)}.")
    await vault.accounts.connections.set(allowed.account.id, name, body.wanted(), actor=allowed.actor)
    return ConnectionOut.of(await vault.accounts.connections.read(allowed.account.id, name))


@router.get("/connections")
async def list_connections(vault: TheVault, allowed: Setting) -> ConnectionsOut:
    """List the connections by name, without their secrets."""
    found = await vault.accounts.connections.list(allowed.account.id)
    return ConnectionsOut(items=[ConnectionOut.of(view) for view in found])


@router.get("/connections/{name}")
async def get_connection(
    vault: TheVault, allowed: Setting, name: Annotated[str, Path(max_length=128)]
) -> ConnectionOut:
    """Show a connection, without its secrets."""
    return ConnectionOut.of(await vault.accounts.connections.read(allowed.account.id, name))


@router.delete("/connections/{name}", status_code=204)
async def delete_connection(
    vault: TheVault, allowed: Setting, name: Annotated[str, Path(max_length=128)]
) -> None:
    """Delete a connection and its secrets. Recordings that are not fetched yet fail; fetched ones stay."""
    await vault.accounts.connections.delete(allowed.account.id, name, actor=allowed.actor)


@listing.get("")
async def list_accounts(
    vault: TheVault, caller: TheCaller, asked: Annotated[AccountsQuery, Query()]
) -> AccountsOut:
    """List accounts by name. A key for one account sees only that account."""
    require_scope(caller, "recordings:read")
    found = await vault.accounts.accounts.list(caller.key.account_id, after=asked.cursor, limit=asked.limit)
    following = found[-1].ref if len(found) == asked.limit else None
    warnings = await vault.retention.policy.warnings([listed.id for listed in found])
    return AccountsOut(
        items=[AccountOut.of(listed, warnings[listed.id]) for listed in found], next_cursor=following
    )


def _switch(switch: SwitchOut) -> Response:
    tag = f'"{switch.epoch}-{"on" if switch.enabled else "off"}"'
    return answer_json(switch, headers={"ETag": tag})
