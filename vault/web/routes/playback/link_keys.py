"""Keys by which customers sign links offline, and cuts of links."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from vault.domain.audit_log.grantors import scopes_beyond
from vault.errors import Forbidden
from vault.web.contract.descriptions import IDEMPOTENT
from vault.web.http.auth import Access, TheVault, access
from vault.web.http.idempotency import answer_once
from vault.web.http.pagination import next_cursor, read_cursor
from vault.web.schemas.base import PageQuery
from vault.web.schemas.playback.link_keys import (
    ChallengeOut,
    LinkCheckIn,
    LinkCheckOut,
    LinkCutIn,
    LinkCutOut,
    LinkCutsOut,
    LinkKeyIn,
    LinkKeyOut,
    LinkKeysOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["links"])
Registering = Annotated[Access, Depends(access("keys:write"))]
Revoking = Annotated[Access, Depends(access("links:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
Name = Annotated[str, Path(max_length=64)]


@router.post("/link-key-challenges")
async def post_link_key_challenge(vault: TheVault, allowed: Registering) -> ChallengeOut:
    """Return a text to sign with the private key of a key that is about to be registered. Nothing is stored."""
    challenge, until = await vault.playback.link_keys.challenge(allowed.account.id)
    return ChallengeOut(challenge=challenge, expires_at=until)


@router.get("/link-keys")
async def list_link_keys(vault: TheVault, allowed: Auditing) -> LinkKeysOut:
    """List the account's keys that sign links."""
    return LinkKeysOut(
        items=[LinkKeyOut.of(key) for key in await vault.playback.link_keys.list(allowed.account.id)]
    )


@router.put("/link-keys/{name}")
async def put_link_key(vault: TheVault, allowed: Registering, name: Name, body: LinkKeyIn) -> LinkKeyOut:
    """Register a public key: from now on links that its private key has signed open the account's recordings.

    With the same public key it changes the limits. The calling key also needs the scope `links:write`, which is what
    such links give. 409: the name has another key, or the account has five.
    """
    if beyond := scopes_beyond("link_key", allowed.allows):
        raise Forbidden(f"This key cannot grant scopes that it does not have: {', '.join(beyond)}.")
    return LinkKeyOut.of(
        await vault.playback.link_keys.set(allowed.account.id, name, body.wanted(), actor=allowed.actor)
    )


@router.get("/link-keys/{name}")
async def get_link_key(vault: TheVault, allowed: Auditing, name: Name) -> LinkKeyOut:
    """Show a key that signs links."""
    return LinkKeyOut.of(await vault.playback.link_keys.read(allowed.account.id, name))


@router.delete("/link-keys/{name}", status_code=204)
async def delete_link_key(vault: TheVault, allowed: Registering, name: Name) -> None:
    """Delete a key. What it has signed opens nothing any more; open sessions get at most one more window of audio."""
    await vault.playback.link_keys.delete(allowed.account.id, name, actor=allowed.actor)


@router.post("/link-cuts", status_code=201, response_model=LinkCutOut, openapi_extra=IDEMPOTENT)
async def post_link_cut(request: Request, vault: TheVault, allowed: Revoking, body: LinkCutIn) -> Response:
    """Refuse links minted before a time, also signed ones that the vault has not seen yet.

    Without a time it covers every link and session until now, and what is signed with a clock up to a minute ahead.
    Sessions that such links have opened get at most one more window of audio.
    """

    async def produce() -> LinkCutOut:
        return LinkCutOut.of(
            await vault.playback.link_cuts.make(allowed.account.id, body.wanted(), actor=allowed.actor)
        )

    return await answer_once(request, allowed, produce)


@router.get("/link-cuts")
async def list_link_cuts(
    vault: TheVault, allowed: Auditing, asked: Annotated[PageQuery, Query()]
) -> LinkCutsOut:
    """List the cuts that still refuse something, newest first."""
    found = await vault.playback.link_cuts.list(
        allowed.account.id, before=read_cursor(asked.cursor), limit=asked.limit
    )
    following = next_cursor(found, asked.limit, lambda one: (one.cut.created_at, one.cut.id))
    return LinkCutsOut(items=[LinkCutOut.of(view) for view in found], next_cursor=following)


@router.post("/link-checks")
async def post_link_check(vault: TheVault, allowed: Revoking, body: LinkCheckIn) -> LinkCheckOut:
    """Say why a signed link is refused. Nothing is opened, stored or used up.

    A listener always gets the same 404; only the account whose key signed the link learns why. A link of another
    account's key is `unknown_key`, as an invented one is.
    """
    return LinkCheckOut.of(
        await vault.playback.explain_link(allowed.account.id, body.link, address=body.address)
    )
