"""One simulated call on its way: prepared, told by webhooks, waited for and checked.

The vault is asked through its doors alone, REST and webhooks; what it does at the provider is seen in the
simulated provider's own books. A simulation that is interrupted leaves an account and a connection behind,
which the next one takes over.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from vault.simulator.admin import Admin
from vault.simulator.call import Copy, SimulatedCall, call_that_ended
from vault.simulator.checks import check_nothing_kept, check_renewal, check_unheard
from vault.simulator.scene import Scene
from vault.simulator.sender import Sender
from vault.simulator.steered_call import NEXT, SteeredCall
from vault.simulator.steered_provider import SteeredProvider
from vault.simulator.watch import Watch

#: How long a missed call is over: the vault leaves what is younger than five minutes to its webhook.
_MISSED = timedelta(minutes=10)
#: What is simulated. ``usual``: a call as it should be; ``expired``: the announced URL is dead; ``switched_off``:
#: recording is off, then on again; ``missed``: the recording's webhook never comes; ``silent``: nobody is told, and
#: an admin lets the recording out of quarantine; ``steered``: the vault's documents lead the call.
Way = Literal["usual", "expired", "switched_off", "missed", "silent", "steered"]


@dataclass(frozen=True, slots=True, repr=False)
class Simulation:
    """One call on its way."""

    scene: Scene

    async def play(self, way: Way, *, press: str | None = None) -> str | None:
        """Prepare the account, play, and return the recording's id; ``press`` is a key, in a steered call."""
        scene = self.scene
        scene.say("provider", f"{scene.provider.name} at {scene.server.base}, {scene.direction} call")
        await scene.vault.must("PUT", said={})
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
        return await self._told(expired=way == "expired")

    @property
    def _admin(self) -> Admin:
        return Admin(self.scene)

    @property
    def _sender(self) -> Sender:
        return Sender(self.scene)

    @property
    def _watch(self) -> Watch:
        return Watch(self.scene)

    async def _told(self, *, expired: bool) -> str | None:
        """Let everything go as it should, but for a URL that may be dead."""
        copy = self._recorded(expired=expired)
        recording_id = await self._call(copy, "accepted")
        if recording_id is None or not await self._watch.until(recording_id, "available"):
            return recording_id
        await self._watch.check(recording_id, copy)
        if expired:
            self.scene.failures += check_renewal(self.scene.server, renews=self.scene.provider.renews)
        return recording_id

    async def _missed(self) -> str | None:
        """Let the recording be there before the connection is: its list is compared at once."""
        await self._admin.until_no_call_was_off(earlier=_MISSED)
        copy = self._recorded(earlier=_MISSED)
        await self._sender.tell_announcement(copy.call)
        # What was recorded before the connection is only brought in where the admin says so.
        since = (copy.call.started_at - timedelta(minutes=1)).isoformat()
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
            copy = self._recorded()
            recording_id = await self._call(copy, "refused")
            return (
                None if recording_id is None else await self._nothing_kept(recording_id, copy, "switch_off")
            )
        finally:
            await self._admin.switch(enabled=True)

    async def _silent(self) -> str | None:
        """Tell nobody: the recording is kept from everybody until an admin lets it out."""
        await self._admin.must_quarantine()
        self.scene.say("announcement", "none: nobody was told of the recording")
        copy = self._recorded()
        recording_id = await self._call(copy, "accepted", told=False)
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
        """Let the vault's documents say what the parties hear, and whether they are recorded."""
        if press is None:
            return await self._by_documents(None, declines=False)
        declines = await self._admin.declines(press)
        async with self._admin.asking_for_a_key():
            return await self._by_documents(press, declines=declines)

    async def _by_documents(self, press: str | None, *, declines: bool) -> str | None:
        scene, provider = self.scene, self.scene.provider
        if not isinstance(provider, SteeredProvider):
            raise TypeError("This provider asks for no documents.")
        await self._admin.publish_notice("announce" if press is None else "opt_out_key")
        connection = await self._admin.connect(next_url=NEXT)
        webhook_url = str(connection["webhook_url"])
        call = self._over()
        steered = SteeredCall(scene=scene, provider=provider, call=call, press=press)
        before, after = provider.around(call, webhook_url)
        await self._sender.deliver(before, webhook_url)
        asked_at = datetime.now(UTC)
        await steered.go(str(connection["setup"]["call_start"]["url"]))
        await self._sender.deliver(after, webhook_url)
        if declines:
            return await self._declined(call, steered, webhook_url)
        if steered.status_url is None:
            scene.failures.append("Nothing said that the call should be recorded, and it should be.")
            return None
        copy = scene.record(call)
        recording_id = await self._sender.announce(copy, steered.status_url.partition("#")[0], "accepted")
        if recording_id is not None and await self._watch.until(recording_id, "available"):
            await self._watch.check(recording_id, copy, asked_at=asked_at)
        return recording_id

    async def _declined(self, call: SimulatedCall, steered: SteeredCall, webhook_url: str) -> str | None:
        """Ask that nothing was recorded, and that what somebody recorded all the same is refused."""
        if steered.status_url is not None:
            self.scene.failures.append("A document recorded a party who had declined.")
        self.scene.say("recording", "made all the same, by somebody who does not ask the vault")
        copy = self.scene.record(call)
        recording_id = await self._sender.announce(copy, webhook_url, "refused")
        return None if recording_id is None else await self._nothing_kept(recording_id, copy, "declined")

    async def _nothing_kept(self, recording_id: str, copy: Copy, because: str) -> str:
        """Ask that a recording was refused for one reason, and is nowhere any more."""
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

    async def _call(self, copy: Copy, expected: str, *, told: bool = True) -> str | None:
        """Send every event of a call, the recording's twice, and return the recording's id."""
        webhook_url = str((await self._admin.connect())["webhook_url"])
        events = self.scene.provider.call_events(copy.call, webhook_url)
        await self._sender.forge(events[0], webhook_url)
        await self._sender.deliver(events, webhook_url)
        if told:
            await self._sender.tell_announcement(copy.call)
        return await self._sender.announce(copy, webhook_url, expected)

    def _recorded(self, *, earlier: timedelta = timedelta(0), expired: bool = False) -> Copy:
        return self.scene.record(self._over(earlier), expired=expired)

    def _over(self, earlier: timedelta = timedelta(0)) -> SimulatedCall:
        ref = self.scene.provider.new_call_ref()
        return call_that_ended(datetime.now(UTC) - earlier, ref=ref, direction=self.scene.direction)
