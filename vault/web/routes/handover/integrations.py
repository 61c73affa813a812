"""The integrations of an account, a preview of what they would hand over, and calls from before."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from vault.web.http.auth import Access, TheVault, access
from vault.web.schemas.handover import BackFillIn, BackFillOut, PreviewOut, PreviewsOut
from vault.web.schemas.integrations import (
    AuthorizationOut,
    IntegrationEndIn,
    IntegrationIn,
    IntegrationOut,
    IntegrationPatchIn,
    IntegrationsOut,
)

router = APIRouter(prefix="/v1/accounts/{account}", tags=["hand-over"])
Setting = Annotated[Access, Depends(access("settings:write"))]
Auditing = Annotated[Access, Depends(access("audit:read"))]
Reading = Annotated[Access, Depends(access("recordings:read"))]
IntegrationId = Annotated[str, Path(max_length=64)]


@router.post("/integrations", status_code=201)
async def post_integration(vault: TheVault, allowed: Setting, body: IntegrationIn) -> IntegrationOut:
    """Activate a system: what becomes available from now on is handed over, never the audio."""
    return IntegrationOut.of(
        await vault.handover.integrations.activate(
            allowed.account.id, body.system, body.wanted(), vendor=body.vendor(), actor=allowed.actor
        )
    )


@router.post("/integration-preview")
async def post_system_preview(vault: TheVault, allowed: Reading, body: IntegrationIn) -> PreviewsOut:
    """Show the last 20 calls as a system would get them, before it is activated. Nothing leaves or is stored."""
    policy = await vault.handover.integrations.check(
        allowed.account.id, body.system, body.wanted(), vendor=body.vendor()
    )
    found = await vault.handover.earlier_calls.preview_system(
        allowed.account.id, body.system, policy, actor=allowed.actor
    )
    return PreviewsOut(items=[PreviewOut.of(one) for one in found])


@router.get("/integrations")
async def list_integrations(vault: TheVault, allowed: Auditing) -> IntegrationsOut:
    """List the integrations without their keys, the newest first, those that have ended included."""
    found = await vault.handover.integrations.list(allowed.account.id)
    return IntegrationsOut(items=[IntegrationOut.of(view) for view in found])


@router.get("/integrations/{integration}")
async def get_integration(vault: TheVault, allowed: Auditing, integration: IntegrationId) -> IntegrationOut:
    """Show an integration, and how it goes: the last success, what waits, what is held, what cannot be removed."""
    return IntegrationOut.of(await vault.handover.integrations.read(allowed.account.id, integration))


@router.patch("/integrations/{integration}")
async def patch_integration(
    vault: TheVault, allowed: Setting, integration: IntegrationId, body: IntegrationPatchIn
) -> IntegrationOut:
    """Change an integration. With a new key, what waited for it goes on, removals first."""
    return IntegrationOut.of(
        await vault.handover.integrations.change(
            allowed.account.id, integration, body.wanted(), actor=allowed.actor
        )
    )


@router.post("/integrations/{integration}/authorization")
async def post_integration_authorization(
    vault: TheVault, allowed: Setting, integration: IntegrationId
) -> AuthorizationOut:
    """Return the page of the system at which a person authorizes the integration; an earlier one is over.

    The system sends the browser back to the console, where the same person, or the same key, must be signed in.
    """
    return AuthorizationOut.of(
        await vault.handover.authorizations.begin(allowed.account.id, integration, actor=allowed.actor)
    )


@router.post("/integrations/{integration}/pause")
async def post_integration_pause(
    vault: TheVault, allowed: Setting, integration: IntegrationId
) -> IntegrationOut:
    """Hand nothing over until it is resumed. What is to be removed is removed meanwhile."""
    return IntegrationOut.of(
        await vault.handover.integrations.pause(allowed.account.id, integration, actor=allowed.actor)
    )


@router.post("/integrations/{integration}/resume")
async def post_integration_resume(
    vault: TheVault, allowed: Setting, integration: IntegrationId
) -> IntegrationOut:
    """Hand over again, also what became available meanwhile."""
    return IntegrationOut.of(
        await vault.handover.integrations.resume(allowed.account.id, integration, actor=allowed.actor)
    )


@router.post("/integrations/{integration}/end")
async def post_integration_end(
    vault: TheVault, allowed: Setting, integration: IntegrationId, body: IntegrationEndIn
) -> IntegrationOut:
    """End an integration for good. With `remove`, it ends once everything is removed that it has handed over."""
    return IntegrationOut.of(
        await vault.handover.integrations.end(
            allowed.account.id, integration, removes=body.remove, actor=allowed.actor
        )
    )


@router.post("/integrations/{integration}/preview")
async def post_integration_preview(
    vault: TheVault, allowed: Reading, integration: IntegrationId
) -> PreviewsOut:
    """Show the last 20 calls as they would be handed over. Nothing leaves, and no number is looked up."""
    found = await vault.handover.earlier_calls.preview(allowed.account.id, integration, actor=allowed.actor)
    return PreviewsOut(items=[PreviewOut.of(one) for one in found])


@router.post("/integrations/{integration}/back-fill")
async def post_back_fill(
    vault: TheVault, allowed: Setting, integration: IntegrationId, body: BackFillIn
) -> BackFillOut:
    """Count the recordings of a time that were not handed over, and with their number as `expected` hand them over."""
    since, until = body.period
    number = await vault.handover.earlier_calls.back_fill(
        allowed.account.id,
        integration,
        since=since,
        until=until,
        expected=body.expected,
        actor=allowed.actor,
    )
    return BackFillOut(recordings=number, started=body.expected is not None)
