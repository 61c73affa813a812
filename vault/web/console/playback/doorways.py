"""From a doorway to its recording, for a person of its account."""

from typing import Annotated

from fastapi import Path, Request, Response

from vault.errors import NotFound
from vault.web.console.access import console_secret, path_of
from vault.web.console.forms import see_other
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault

router = console_router("/console/doorways")


@router.get("/{door}")
async def follow_doorway(
    request: Request, vault: TheVault, door: Annotated[str, Path(max_length=128)]
) -> Response:
    """Lead to the page of the recording. Who is not of its account learns nothing, neither that there is one."""
    session_secret = console_secret(request)
    await vault.accounts.console_sessions.find(session_secret, "")
    known = await vault.playback.doorways.read(door)
    _, account = await vault.accounts.console_sessions.find(session_secret, known.account_id)
    if account is None:
        raise NotFound("There is no such page.")
    return see_other(f"{path_of(account.ref)}/recordings/{known.recording_id}")
