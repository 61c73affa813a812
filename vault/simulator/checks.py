"""The checks after a simulation: each yields a sentence for every failure."""

import hashlib
import io
import wave
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.simulator.call import SimulatedCall
from vault.simulator.server import ProviderServer
from vault.simulator.vault_client import VaultAnswer

#: Maximum duration of a request for a document.
_ASKING = timedelta(seconds=10)
#: The sample rate of telephony in Hz.
_TELEPHONE = 8000


def check_facts(
    call: SimulatedCall,
    shown: Mapping[str, Any],
    *,
    starts: Sequence[datetime],
    agent: str | None,
    directed: bool = True,
    asked_at: datetime | None = None,
) -> Iterator[str]:
    """Compare the vault's call facts with the simulated call; facts that the provider does not send are skipped.

    ``asked_at``: the time of the first request for a document, which the vault may use as the call's start.
    """
    expected = {"from": call.caller, "to": call.callee}
    if directed:
        expected["direction"] = call.direction
    if agent is not None:
        expected["agent"] = agent
    for name, value in expected.items():
        if shown.get(name) != value:
            yield f"The call's {name} is {shown.get(name)!r} and should be {value!r}."
    for name, moments in (("started_at", starts), ("ended_at", (call.ended_at,))):
        written = shown.get(name)
        moment = None if written is None else parse_rfc3339(str(written))
        at_asking = name == "started_at" and _close(moment, asked_at)
        if moment not in moments and not at_asking:
            yield f"The call's {name} is {written!r} and should be {write_rfc3339(moments[0])!r}."


def check_audio(audio: bytes, answered: VaultAnswer) -> Iterator[str]:
    """Compare the downloaded audio with the provider's, byte by byte."""
    if answered.status != 200:  # noqa: PLR2004 - the status itself
        yield f"The request for the audio was answered with {answered.detail}"
    elif answered.body != audio:
        had, got = (hashlib.sha256(body).hexdigest() for body in (audio, answered.body))
        yield f"The audio has SHA-256 {got} ({len(answered.body)} bytes) and should have {had} ({len(audio)})."


def check_nothing_kept(fetched: int, answered: VaultAnswer) -> Iterator[str]:
    """Check that a refused recording was neither fetched nor stored."""
    if fetched:
        yield "The vault fetched the audio of a recording that it refused."
    if answered.status != 404:  # noqa: PLR2004 - the status itself
        yield f"The status for the audio of a refused recording is {answered.status} and should be 404."


def check_unheard(answered: VaultAnswer, deleted: bool) -> Iterator[str]:  # noqa: FBT001 - the copy's own field
    """Check that a quarantined recording cannot be downloaded, and that the provider's copy still exists."""
    if answered.status // 100 != 4:  # noqa: PLR2004 - the class of client errors
        yield f"The status for the audio of a quarantined recording is {answered.status} and should be 4xx."
    if deleted:
        yield "The provider's copy was deleted while the recording was in quarantine."


def check_prompt(answered: VaultAnswer) -> Iterator[str]:
    """Check that a platform can play the audio of a notice: a WAV file of 8 kHz and one channel."""
    if answered.status != 200:  # noqa: PLR2004 - the status itself
        yield f"The request for the notice's audio was answered with {answered.detail}"
        return
    try:
        with wave.open(io.BytesIO(answered.body)) as file:
            rate, channels, frames = file.getframerate(), file.getnchannels(), file.getnframes()
    except (wave.Error, EOFError):
        yield "The audio of the notice is not a WAV file."
        return
    if (rate, channels) != (_TELEPHONE, 1) or not frames:
        yield f"The audio of the notice has {rate} Hz, {channels} channels and {frames} frames."


def check_renewal(server: ProviderServer, *, renews: bool) -> Iterator[str]:
    """Check that the vault tried the dead URL, and requested a new one if the provider offers that."""
    refused = [index for index, exchange in enumerate(server.exchanges) if exchange.status in (403, 404)]
    if not refused:
        yield "The announced URL was dead, and the vault never tried it."
    elif renews and not any(_renewal(server, index) for index in refused):
        yield "The vault did not request a new URL after the announced one had expired."


def refused_by_settings(server: ProviderServer, recording: Mapping[str, Any]) -> str | None:
    """Return instructions if the vault's settings forbid fetching from the simulator; else None."""
    codes = {reason.get("code") for reason in recording.get("reasons", [])}
    if "fetch_failed" in codes and not server.exchanges:
        return (
            f"The vault did not fetch from {server.authority}. Start it with "
            f"VAULT_MEDIA_ALLOW={server.authority} and run this again."
        )
    return None


def _close(moment: datetime | None, asked_at: datetime | None) -> bool:
    return moment is not None and asked_at is not None and abs(moment - asked_at) < _ASKING


def _renewal(server: ProviderServer, refused: int) -> bool:
    """Tell whether a successful REST call, and then a successful download, followed this refusal."""
    path = server.exchanges[refused].path
    after = [exchange for exchange in server.exchanges[refused + 1 :] if exchange.status == 200]  # noqa: PLR2004
    asked = next((index for index, exchange in enumerate(after) if exchange.path != path), None)
    return asked is not None and any(exchange.path == path for exchange in after[asked + 1 :])
