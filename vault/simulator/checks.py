"""What must hold when a simulation is over: each check returns a sentence for what does not."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from vault.simulator.call import SimulatedCall
from vault.simulator.server import ProviderServer
from vault.simulator.vault_client import Answered


def check_facts(
    call: SimulatedCall, told: Mapping[str, Any], *, starts: Sequence[datetime], agent: str | None
) -> Iterator[str]:
    """Compare what the vault shows of the call with what was simulated; an agent nobody told is not asked for."""
    expected = {"direction": call.direction, "from": call.caller, "to": call.callee}
    if agent is not None:
        expected["agent"] = agent
    for name, value in expected.items():
        if told.get(name) != value:
            yield f"The call's {name} is {told.get(name)!r} and should be {value!r}."
    for name, moments in (("started_at", starts), ("ended_at", (call.ended_at,))):
        written = told.get(name)
        if written is None or datetime.fromisoformat(str(written)) not in moments:
            yield f"The call's {name} is {written!r} and should be {moments[0].isoformat()!r}."


def check_audio(audio: bytes, answered: Answered) -> Iterator[str]:
    """Compare what was downloaded with what the provider had, byte by byte."""
    if answered.status != 200:  # noqa: PLR2004 - the status itself
        yield f"The audio was answered {answered.detail}"
    elif answered.body != audio:
        had, got = (hashlib.sha256(body).hexdigest() for body in (audio, answered.body))
        yield f"The audio has SHA-256 {got} ({len(answered.body)} bytes) and should have {had} ({len(audio)})."


def check_nothing_kept(fetched: int, answered: Answered) -> Iterator[str]:
    """Ask that a refused recording was neither fetched nor stored."""
    if fetched:
        yield "The vault fetched the audio although recording was switched off."
    if answered.status != 404:  # noqa: PLR2004 - the status itself
        yield f"The audio of a refused recording was answered {answered.status} and should be 404."


def check_renewal(server: ProviderServer, *, renews: bool) -> Iterator[str]:
    """Ask that the dead URL was met, and that the vault asked for a fresh one where there is one."""
    refused = [index for index, one in enumerate(server.exchanges) if one.status in (403, 404)]
    if not refused:
        yield "The announced URL was dead, and the vault never tried it."
    elif renews and not any(_renewal(server, index) for index in refused):
        yield "The vault did not ask for a fresh URL when the announced one had expired."


def refused_by_settings(server: ProviderServer, recording: Mapping[str, Any]) -> str | None:
    """Return what to do if the vault may not reach the simulator; None if it may, or is not there yet."""
    codes = {reason.get("code") for reason in recording.get("reasons", [])}
    if "fetch_failed" in codes and not server.exchanges:
        return (
            f"The vault did not fetch from {server.authority}. Start it with "
            f"VAULT_MEDIA_ALLOW={server.authority} and run this again."
        )
    return None


def _renewal(server: ProviderServer, refused: int) -> bool:
    """Say whether a REST call, and then media, went well after this refusal."""
    path = server.exchanges[refused].path
    after = [one for one in server.exchanges[refused + 1 :] if one.status == 200]  # noqa: PLR2004
    asked = next((index for index, one in enumerate(after) if one.path != path), None)
    return asked is not None and any(one.path == path for one in after[asked + 1 :])
