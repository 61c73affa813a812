"""What must hold when a simulation is over: each check returns a sentence for what does not."""

import hashlib
import io
import wave
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from vault.simulator.call import SimulatedCall
from vault.simulator.server import ProviderServer
from vault.simulator.vault_client import Answered

#: How long asking for a document takes at most.
_ASKING = timedelta(seconds=10)
#: The sample rate of telephony.
_TELEPHONE = 8000


def check_facts(
    call: SimulatedCall,
    told: Mapping[str, Any],
    *,
    starts: Sequence[datetime],
    agent: str | None,
    directed: bool = True,
    asked_at: datetime | None = None,
) -> Iterator[str]:
    """Compare what the vault shows of the call with what was simulated; what nobody told is not asked for.

    ``asked_at``: when a document was asked for, which is the beginning as far as the vault can know.
    """
    expected = {"from": call.caller, "to": call.callee}
    if directed:
        expected["direction"] = call.direction
    if agent is not None:
        expected["agent"] = agent
    for name, value in expected.items():
        if told.get(name) != value:
            yield f"The call's {name} is {told.get(name)!r} and should be {value!r}."
    for name, moments in (("started_at", starts), ("ended_at", (call.ended_at,))):
        written = told.get(name)
        said = None if written is None else datetime.fromisoformat(str(written))
        at_asking = name == "started_at" and _close(said, asked_at)
        if said not in moments and not at_asking:
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
        yield "The vault fetched the audio of a recording that it refused."
    if answered.status != 404:  # noqa: PLR2004 - the status itself
        yield f"The audio of a refused recording was answered {answered.status} and should be 404."


def check_unheard(answered: Answered, deleted: bool) -> Iterator[str]:  # noqa: FBT001 - it is what the book says
    """Ask that a recording in quarantine is kept from everybody, and that it is not the only copy yet."""
    if answered.status // 100 != 4:  # noqa: PLR2004 - the class of errors of whoever asks
        yield f"The audio of a recording in quarantine was answered {answered.status} and should be refused."
    if deleted:
        yield "The provider's copy was deleted while the recording was in quarantine."


def check_prompt(answered: Answered) -> Iterator[str]:
    """Ask that a platform can play the audio of a notice: a WAV file of 8 kHz and one channel."""
    if answered.status != 200:  # noqa: PLR2004 - the status itself
        yield f"The audio of the notice was answered {answered.detail}"
        return
    try:
        with wave.open(io.BytesIO(answered.body)) as file:
            rate, channels, frames = file.getframerate(), file.getnchannels(), file.getnframes()
    except (wave.Error, EOFError):
        yield "The audio of the notice is no WAV file."
        return
    if (rate, channels) != (_TELEPHONE, 1) or not frames:
        yield f"The audio of the notice has {rate} Hz, {channels} channels and {frames} frames."


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


def _close(said: datetime | None, asked_at: datetime | None) -> bool:
    return said is not None and asked_at is not None and abs(said - asked_at) < _ASKING


def _renewal(server: ProviderServer, refused: int) -> bool:
    """Say whether a REST call, and then media, went well after this refusal."""
    path = server.exchanges[refused].path
    after = [one for one in server.exchanges[refused + 1 :] if one.status == 200]  # noqa: PLR2004
    asked = next((index for index, one in enumerate(after) if one.path != path), None)
    return asked is not None and any(one.path == path for one in after[asked + 1 :])
