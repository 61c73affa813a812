"""Waiting for what the vault makes of a recording, and comparing it with what was simulated."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

from vault.simulator.call import Copy
from vault.simulator.checks import check_audio, check_facts, refused_by_settings
from vault.simulator.scene import Scene

#: Seconds to wait for a recording, and for the deletion of the provider's copy.
_PATIENCE = 60.0
#: States in which a recording stays until somebody acts.
_RESTING = frozenset({"available", "quarantined", "failed", "refused"})


@dataclass(frozen=True, slots=True, repr=False)
class Watch:
    """Looks at recordings over the REST interface, and at the provider's own books."""

    scene: Scene

    async def until_found(self, copy: Copy) -> str | None:
        """Wait until the vault has found a recording in the provider's list; return its id."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            page = await self.scene.vault.must("GET", f"/recordings?call={copy.call.ref}")
            if page["items"]:
                self.scene.say("found", f"{copy.call.ref} in the provider's list")
                return str(page["items"][0]["id"])
            await asyncio.sleep(0.1)
        server = self.scene.server
        why = (
            "The vault asked for the list, and did not take the recording in."
            if server.exchanges
            else f"Nobody asked for the list. Does the vault run with VAULT_MEDIA_ALLOW={server.authority}, "
            "and a worker?"
        )
        self.scene.failures.append(f"The missed recording was not found in {_PATIENCE:.0f} s. {why}")
        return None

    async def until(self, recording_id: str, wanted: str) -> bool:
        """Wait until a recording is in a state, and say whether it is."""
        begun = time.monotonic()
        while True:
            recording = await self.scene.vault.must("GET", f"/recordings/{recording_id}")
            state, waited = recording["state"], time.monotonic() - begun
            reasons = "; ".join(reason["text"] for reason in recording["reasons"])
            if state == wanted:
                sealed = f"{recording['bytes']} bytes in {waited:.2f} s"
                self.scene.say("sealed", sealed if state == "available" else f"{sealed}, {state}: {reasons}")
                return True
            forbidden = refused_by_settings(self.scene.server, recording)
            if forbidden is not None or state in _RESTING or waited > _PATIENCE:
                self.scene.failures.append(
                    forbidden or f"The recording is {state} and should be {wanted}. {reasons}".strip()
                )
                return False
            await asyncio.sleep(0.05)

    async def check(self, recording_id: str, copy: Copy, *, asked_at: datetime | None = None) -> None:
        """Compare audio and facts, and wait for the deletion of the provider's copy.

        ``asked_at``: when the first document was asked for, in a steered call.
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
            # Whoever does not tell when a call began has it begin when the vault was asked.
            asked_at=asked_at if len(starts) > 1 else None,
        )
        scene.say("checked", f"{len(answered.body)} bytes of audio, and what is known of the call")
        await self.check_deleted(copy)

    async def check_deleted(self, copy: Copy) -> None:
        """Wait until the vault has had the provider's copy deleted."""
        deadline = time.monotonic() + _PATIENCE
        while not copy.deleted:
            if time.monotonic() > deadline:
                self.scene.failures.append(f"The provider's copy was not deleted in {_PATIENCE:.0f} s.")
                return
            await asyncio.sleep(0.05)
        self.scene.say("provider's copy", "deleted")
