"""API keys: create, list, revoke. A key for one account sees and creates keys for that account only."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import Forbidden, NotFound
from vault.web.contract.descriptions import IDEMPOTENT, scope
from vault.web.http.auth import TheCaller, TheVault, require_scope
from vault.web.http.idempotency import answer_once
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.accounts.settings import KeyIn, KeyMadeOut, KeyOut, KeysOut
from vault.web.schemas.base import PageQuery

router = APIRouter(prefix="/v1/keys", tags=["keys"])
_SCOPE = scope("keys:write")


@router.post("", status_code=201, response_model=KeyMadeOut, openapi_extra=IDEMPOTENT | _SCOPE)
async def post_key(request: Request, vault: TheVault, caller: TheCaller, body: KeyIn) -> Response:
    """Create an API key. It gets no scope that the calling key lacks."""
    require_scope(caller, "keys:write")
    if beyond := scopes_beyond("api_key", caller.key.allows, body.scopes):
        raise Forbidden(f"This key cannot grant scopes that it does not have: {', '.join(beyond)[:200]}.")
    account_id = caller.key.account_id
    if body.account is not None:
        found = await vault.accounts.accounts.find(body.account)
        if account_id not in {None, found.id}:
            raise NotFound("There is no such account.")
        account_id = found.id

    async def produce() -> KeyMadeOut:
        key, text = await vault.accounts.api_keys.issue(
            name=body.name, scopes=body.scopes, account_id=account_id, actor=caller.key.id
        )
        return KeyMadeOut(id=key.id, key=text.text)

    return await answer_once(request, caller, produce)


@router.get("", openapi_extra=_SCOPE)
async def list_keys(vault: TheVault, caller: TheCaller, asked: Annotated[PageQuery, Query()]) -> KeysOut:
    """List API keys, including revoked ones, oldest first."""
    require_scope(caller, "keys:write")
    found = await vault.accounts.api_keys.list(
        caller.key.account_id, after=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda key: (key.created_at, key.id))
    return KeysOut(items=[KeyOut.of(key) for key in found], next_cursor=following)


@router.delete("/{key}", status_code=204, openapi_extra=_SCOPE)
async def delete_key(vault: TheVault, caller: TheCaller, key: Annotated[str, Path(max_length=64)]) -> None:
    """Revoke an API key. It is invalid from the next request on."""
    require_scope(caller, "keys:write")
    await vault.accounts.api_keys.revoke(key, account_id=caller.key.account_id, actor=caller.key.id)
