"""Waits for a recording's state in the vault, and compares the recording with the simulated call."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

from vault.simulator.call import Copy
from vault.simulator.checks import check_audio, check_facts, refused_by_settings
from vault.simulator.scene import Scene

#: Timeout in seconds for a recording's state, and for the deletion of the provider's copy.
_TIMEOUT = 60.0
#: States that a recording does not leave by itself.
_STABLE = frozenset({"available", "quarantined", "failed", "refused"})


@dataclass(frozen=True, slots=True, repr=False)
class Watch:
    """Polls recordings over the REST API, and checks the simulated provider's state."""

    scene: Scene

    async def until_found(self, copy: Copy) -> str | None:
        """Wait until the vault has found a recording in the provider's list; return its id."""
        deadline = time.monotonic() + _TIMEOUT
        while time.monotonic() < deadline:
            page = await self.scene.vault.must("GET", f"/recordings?call={copy.call.ref}")
            if page["items"]:
                self.scene.say("found", f"{copy.call.ref} in the provider's list")
                return str(page["items"][0]["id"])
            await asyncio.sleep(0.1)
        server = self.scene.server
        reason = (
            "The vault read the list, but did not collect the recording."
            if server.exchanges
            else f"The vault did not read the list. Does it run with VAULT_MEDIA_ALLOW={server.authority}, "
            "and a worker?"
        )
        self.scene.failures.append(f"The missed recording was not found in {_TIMEOUT:.0f} s. {reason}")
        return None

    async def until(self, recording_id: str, wanted: str) -> bool:
        """Wait until a recording is in the ``wanted`` state; return False and add a failure if it is not."""
        started = time.monotonic()
        while True:
            recording = await self.scene.vault.must("GET", f"/recordings/{recording_id}")
            state, waited = recording["state"], time.monotonic() - started
            reasons = "; ".join(reason["text"] for reason in recording["reasons"])
            if state == wanted:
                sealed = f"{recording['bytes']} bytes in {waited:.2f} s"
                self.scene.say("sealed", sealed if state == "available" else f"{sealed}, {state}: {reasons}")
                return True
            forbidden = refused_by_settings(self.scene.server, recording)
            if forbidden is not None or state in _STABLE or waited > _TIMEOUT:
                self.scene.failures.append(
                    forbidden or f"The recording is {state} and should be {wanted}. {reasons}".strip()
                )
                return False
            await asyncio.sleep(0.05)

    async def check(self, recording_id: str, copy: Copy, *, asked_at: datetime | None = None) -> None:
        """Compare audio and facts, and wait for the deletion of the provider's copy.

        ``asked_at``: the time of the first request for a document, in a steered call.
        """
        scene = self.scene
        starts = scene.provider.starts(copy.call)
        answered = await scene.vault.rest("GET", f"/recordings/{recording_id}/audio")
        scene.failures += check_audio(copy.audio, answered)
        recording = await scene.vault.must("GET", f"/recordings/{recording_id}")
        scene.failures += check_facts(
            copy.call,
            recording["call"],
            starts=starts,
            agent=scene.provider.agent(scene.direction),
            directed=scene.provider.directed,
            # If the provider does not send the start, the vault uses the time of the first request.
            asked_at=asked_at if len(starts) > 1 else None,
        )
        scene.say("checked", f"{len(answered.body)} bytes of audio, and what is known of the call")
        await self.check_deleted(copy)

    async def check_deleted(self, copy: Copy) -> None:
        """Wait until the vault has deleted the provider's copy, if the provider can delete it."""
        if not self.scene.provider.deletes:
            self.scene.say("provider's copy", "stays: the provider deletes nothing")
            return
        deadline = time.monotonic() + _TIMEOUT
        while not copy.deleted:
            if time.monotonic() > deadline:
                self.scene.failures.append(f"The provider's copy was not deleted in {_TIMEOUT:.0f} s.")
                return
            await asyncio.sleep(0.05)
        self.scene.say("provider's copy", "deleted")
