"""The simulation of one call: prepares the account, sends webhooks, waits for the recording and checks it.

The vault is accessed only over its REST API and webhooks; its requests to the provider are checked in the simulated
provider's state. An interrupted simulation leaves an account and a connection behind, which the next one reuses.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from vault.rfc3339 import write_rfc3339
from vault.simulator.admin import Admin
from vault.simulator.call import Copy, SimulatedCall, call_that_ended
from vault.simulator.checks import check_nothing_kept, check_renewal, check_unheard
from vault.simulator.provider import SteeredProvider
from vault.simulator.scene import Scene
from vault.simulator.sender import Sender
from vault.simulator.steered_call import NEXT, SteeredCall
from vault.simulator.watch import Watch

#: Age of a missed call: the vault ignores listed recordings younger than five minutes, for which it expects webhooks.
_MISSED = timedelta(minutes=10)
#: The simulated case. ``usual``: without problems; ``expired``: the announced URL is dead; ``switched_off``:
#: recording is off, then on again; ``missed``: the recording's webhook is not sent; ``silent``: no announcement is
#: reported, and an admin releases the recording; ``steered``: the vault's documents control the call.
Way = Literal["usual", "expired", "switched_off", "missed", "silent", "steered"]


@dataclass(frozen=True, slots=True, repr=False)
class Simulation:
    """The simulation of one call."""

    scene: Scene

    async def play(self, way: Way, *, press: str | None = None) -> str | None:
        """Prepare the account, simulate, and return the recording's id; ``press`` is the key in a steered call."""
        scene = self.scene
        scene.say("provider", f"{scene.provider.name} at {scene.server.base}, {scene.direction} call")
        await scene.vault.must("PUT", body={})
        match way:
            case "switched_off":
                return await self._switched_off()
            case "missed":
                return await self._missed()
        await self._admin.until_no_call_was_off()
        match way:
            case "silent":
                return await self._silent()
            case "steered":
                return await self._steered(press)
        return await self._usual(expired=way == "expired")

    @property
    def _admin(self) -> Admin:
        return Admin(self.scene)

    @property
    def _sender(self) -> Sender:
        return Sender(self.scene)

    @property
    def _watch(self) -> Watch:
        return Watch(self.scene)

    async def _usual(self, *, expired: bool) -> str | None:
        """Simulate a call without problems, except for a URL that may be dead."""
        copy = self._recorded_call(expired=expired)
        recording_id = await self._call(copy, "accepted")
        if recording_id is None or not await self._watch.until(recording_id, "available"):
            return recording_id
        await self._watch.check(recording_id, copy)
        if expired:
            self.scene.failures += check_renewal(self.scene.server, renews=self.scene.provider.renews)
        return recording_id

    async def _missed(self) -> str | None:
        """Record the call before the connection exists: the vault then reads the list immediately."""
        await self._admin.until_no_call_was_off(earlier=_MISSED)
        copy = self._recorded_call(earlier=_MISSED)
        await self._sender.tell_announcement(copy.call)
        # Recordings from before the connection are only collected with ``collect_from``.
        since = write_rfc3339(copy.call.started_at - timedelta(minutes=1))
        connection = await self._admin.connect(f"-{secrets.token_hex(4)}", collect_from=since)
        webhook_url = str(connection["webhook_url"])
        await self._sender.deliver(self.scene.provider.call_events(copy.call, webhook_url), webhook_url)
        self.scene.say(
            "recording event", "is never sent: the vault must find the recording in the provider's list"
        )
        recording_id = await self._watch.until_found(copy)
        if recording_id is not None and await self._watch.until(recording_id, "available"):
            await self._watch.check(recording_id, copy)
        return recording_id

    async def _switched_off(self) -> str | None:
        await self._admin.switch(enabled=False)
        try:
            copy = self._recorded_call()
            recording_id = await self._call(copy, "refused")
            return (
                None if recording_id is None else await self._nothing_kept(recording_id, copy, "switch_off")
            )
        finally:
            await self._admin.switch(enabled=True)

    async def _silent(self) -> str | None:
        """Report no announcement: the recording is quarantined until an admin releases it."""
        await self._admin.must_quarantine()
        self.scene.say("announcement", "none: nobody was told of the recording")
        copy = self._recorded_call()
        recording_id = await self._call(copy, "accepted", announced=False)
        if recording_id is None or not await self._watch.until(recording_id, "quarantined"):
            return recording_id
        answered = await self.scene.vault.rest("GET", f"/recordings/{recording_id}/audio")
        self.scene.say("audio", f"asked for, and refused: {answered.detail}")
        self.scene.failures += check_unheard(answered, copy.deleted)
        await self._admin.release(recording_id)
        if await self._watch.until(recording_id, "available"):
            await self._watch.check(recording_id, copy)
        return recording_id

    async def _steered(self, press: str | None) -> str | None:
        """Let the vault's documents control the notices and the recording."""
        if press is None:
            return await self._by_documents(None, declines=False)
        declines = await self._admin.declines(press)
        async with self._admin.asking_for_a_key():
            return await self._by_documents(press, declines=declines)

    async def _by_documents(self, press: str | None, *, declines: bool) -> str | None:
        scene, provider = self.scene, self.scene.provider
        if not isinstance(provider, SteeredProvider):
            raise TypeError("This provider requests no documents.")
        await self._admin.publish_notice("announce" if press is None else "opt_out_key")
        connection = await self._admin.connect(next_url=NEXT)
        webhook_url = str(connection["webhook_url"])
        call = self._ended_call()
        steered = SteeredCall(scene=scene, provider=provider, call=call, press=press)
        before, after = provider.around(call, webhook_url)
        await self._sender.deliver(before, webhook_url)
        asked_at = datetime.now(UTC)
        await steered.go(str(connection["setup"]["call_start"]["url"]))
        await self._sender.deliver(after, webhook_url)
        if declines:
            return await self._declined(call, steered, webhook_url)
        if steered.status_url is None:
            scene.failures.append("Neither a document nor the REST API started a recording.")
            return None
        copy = scene.record(call)
        recording_id = await self._sender.announce(copy, steered.status_url.partition("#")[0], "accepted")
        if recording_id is not None and await self._watch.until(recording_id, "available"):
            await self._watch.check(recording_id, copy, asked_at=asked_at)
        return recording_id

    async def _declined(self, call: SimulatedCall, steered: SteeredCall, webhook_url: str) -> str | None:
        """Check that no document started a recording, and that one made anyway is refused."""
        if steered.status_url is not None:
            self.scene.failures.append("A document recorded a party who had declined.")
        self.scene.say("recording", "made anyway, by a platform that does not ask the vault")
        copy = self.scene.record(call)
        recording_id = await self._sender.announce(copy, webhook_url, "refused")
        return None if recording_id is None else await self._nothing_kept(recording_id, copy, "declined")

    async def _nothing_kept(self, recording_id: str, copy: Copy, because: str) -> str:
        """Check that a recording was refused for the reason ``because``, and was deleted everywhere."""
        recording = await self.scene.vault.must("GET", f"/recordings/{recording_id}")
        reasons = recording["reasons"]
        self.scene.say("recording", f"{recording['state']}: {reasons[0]['text'] if reasons else 'no reason'}")
        if recording["state"] != "refused" or because not in {reason["code"] for reason in reasons}:
            self.scene.failures.append(
                f"The recording is {recording['state']} and should be refused, because of {because}."
            )
            return recording_id
        await self._watch.check_deleted(copy)
        answered = await self.scene.vault.rest("GET", f"/recordings/{recording_id}/audio")
        self.scene.failures += check_nothing_kept(copy.fetched, answered)
        return recording_id

    async def _call(self, copy: Copy, expected: str, *, announced: bool = True) -> str | None:
        """Send every event of a call, the recording's twice, and return the recording's id."""
        webhook_url = str((await self._admin.connect())["webhook_url"])
        events = self.scene.provider.call_events(copy.call, webhook_url)
        await self._sender.forge(events[0], webhook_url)
        await self._sender.deliver(events, webhook_url)
        if announced:
            await self._sender.tell_announcement(copy.call)
        return await self._sender.announce(copy, webhook_url, expected)

    def _recorded_call(self, *, earlier: timedelta = timedelta(0), expired: bool = False) -> Copy:
        return self.scene.record(self._ended_call(earlier), expired=expired)

    def _ended_call(self, earlier: timedelta = timedelta(0)) -> SimulatedCall:
        ref = self.scene.provider.new_call_ref()
        return call_that_ended(datetime.now(UTC) - earlier, ref=ref, direction=self.scene.direction)
