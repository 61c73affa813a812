"""One simulated call on its way: prepared, told by webhooks, waited for and checked.

The vault is asked through its doors alone, REST and webhooks; what it does at the provider is seen in the
simulated provider's own books. A simulation that is interrupted leaves an account and a connection behind,
which the next one takes over.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from vault.domain.call import Direction
from vault.errors import VaultError
from vault.simulator.call import LENGTH, Copy, call_that_ended
from vault.simulator.checks import (
    check_audio,
    check_facts,
    check_nothing_kept,
    check_renewal,
    refused_by_settings,
)
from vault.simulator.exchange import Webhook
from vault.simulator.provider import SimulatedProvider
from vault.simulator.server import ProviderServer
from vault.simulator.vault_client import Answered, VaultClient

#: Seconds to wait for a recording, and for the deletion of the provider's copy.
_PATIENCE = 60.0
#: How long a missed call is over: the vault leaves what is younger than five minutes to its webhook.
_MISSED = timedelta(minutes=10)
Say = Callable[[str, str], None]


@dataclass(slots=True, kw_only=True, repr=False)
class Simulation:
    """One call on its way."""

    provider: SimulatedProvider
    server: ProviderServer
    vault: VaultClient
    direction: Direction
    audio: bytes
    say: Say
    failures: list[str] = field(default_factory=list)

    async def play(self, *, expired: bool, switched_off: bool, missed: bool) -> str | None:
        """Prepare the account, play, and return the recording's id."""
        self.say("provider", f"{self.provider.name} at {self.server.base}, {self.direction} call")
        await self.vault.must("PUT", said={})
        if switched_off:
            return await self._switched_off()
        await self._until_no_call_was_off(missed=missed)
        if missed:
            return await self._missed()
        copy = self._record(datetime.now(UTC), expired=expired)
        recording_id = await self._tell(copy, await self._connect(), "accepted")
        if recording_id is None or not await self._until_available(recording_id):
            return recording_id
        await self._check(recording_id, copy)
        if expired:
            self.failures += check_renewal(self.server, renews=self.provider.renews)
        return recording_id

    async def _missed(self) -> str | None:
        """Let the recording be there before the connection is: its list is compared at once."""
        copy = self._record(datetime.now(UTC) - _MISSED)
        # What was recorded before the connection is only brought in where the admin says so.
        since = (copy.call.started_at - timedelta(minutes=1)).isoformat()
        webhook_url = await self._connect(f"-{secrets.token_hex(4)}", collect_from=since)
        await self._deliver(self.provider.call_events(copy.call, webhook_url), webhook_url)
        self.say("recording event", "is never sent: the vault must find the recording in the provider's list")
        recording_id = await self._until_found(copy)
        if recording_id is not None and await self._until_available(recording_id):
            await self._check(recording_id, copy)
        return recording_id

    async def _switched_off(self) -> str | None:
        await self._switch(enabled=False)
        try:
            copy = self._record(datetime.now(UTC))
            recording_id = await self._tell(copy, await self._connect(), "refused")
            if recording_id is None:
                return None
            recording = await self.vault.must("GET", f"/recordings/{recording_id}")
            self.say("recording", f"{recording['state']}: {recording['reasons'][0]['text']}")
            if recording["state"] != "refused":
                self.failures.append(f"The recording is {recording['state']} and should be refused.")
            await self._check_deleted(copy)
            answered = await self.vault.rest("GET", f"/recordings/{recording_id}/audio")
            self.failures += check_nothing_kept(copy.fetched, answered)
            return recording_id
        finally:
            await self._switch(enabled=True)

    def _record(self, ended: datetime, *, expired: bool = False) -> Copy:
        call = call_that_ended(ended, ref=self.provider.new_call_ref(), direction=self.direction)
        return self.provider.keep(call, self.audio, expired=expired)

    async def _switch(self, *, enabled: bool) -> None:
        said = {"enabled": enabled, "reason": "simulation"}
        switch = await self.vault.must("PUT", "/recording-switch", said)
        self.say("switch", f"{'on' if switch['enabled'] else 'off'}, epoch {switch['epoch']}")

    async def _until_no_call_was_off(self, *, missed: bool) -> None:
        """Wait until the simulated call lies behind the last moment in which recording was off."""
        switch = await self.vault.must("GET", "/recording-switch")
        if not switch["enabled"]:
            raise VaultError(
                f"Recording is switched off for account {self.vault.account}. Switch it on, or use --switched-off."
            )
        changes = (await self.vault.must("GET", "/recording-switch/history"))["items"]
        if all(change["enabled"] for change in changes):
            return
        began = datetime.now(UTC) - LENGTH - (_MISSED if missed else timedelta(0))
        # The call's times are whole seconds, so it may begin up to one second earlier.
        pause = (datetime.fromisoformat(switch["changed_at"]) - began).total_seconds() + 1
        if pause > 0 and missed:
            raise VaultError(
                f"Recording was off when the missed call was on, or after it. Try again in {int(pause)} seconds, "
                "or with another --account."
            )
        if pause > 0:
            self.say(
                "waiting", f"{pause:.0f} s: recording was just off, and the call must not reach into that"
            )
            await asyncio.sleep(pause)

    async def _connect(self, suffix: str = "", **more: object) -> str:
        """Set the connection and return its webhook URL."""
        said: dict[str, object] = {
            "provider": self.provider.name,
            "credentials": self.provider.credentials,
            "api_base": self.server.base,
            "delete_refused": True,
            **more,
        }
        if self.provider.deletes:
            said["delete_at_source"] = True
        path = f"/connections/simulated-{self.provider.name}{suffix}"
        webhook_url = str((await self.vault.must("PUT", path, said))["webhook_url"])
        self.say("webhook", webhook_url)
        return webhook_url

    async def _tell(self, copy: Copy, webhook_url: str, expected: str) -> str | None:
        """Send every event of the call, the last one twice, and return the recording's id."""
        events = self.provider.call_events(copy.call, webhook_url)
        await self._forge(events[0], webhook_url)
        await self._deliver(events, webhook_url)
        ready = self.provider.recording_event(copy, webhook_url)
        # Providers repeat deliveries, so the vault must know one that it had.
        first, second = await self._deliver([ready, ready], webhook_url)
        if first.get("status") != expected:
            self.failures.append(f"{ready.event} was {first.get('status')} and should be {expected}.")
        if first.get("recording") != second.get("recording"):
            self.failures.append(f"{ready.event}, sent twice, became two recordings.")
        recording_id = first.get("recording")
        return None if recording_id is None else str(recording_id)

    async def _deliver(self, events: Sequence[Webhook], webhook_url: str) -> list[Mapping[str, Any]]:
        answers: list[Mapping[str, Any]] = []
        for event in events:
            begun = time.perf_counter()
            answered = await self.vault.deliver(webhook_url, event)
            took = (time.perf_counter() - begun) * 1000
            self.say("signed webhook", f"{event.event}: {_word(answered)} in {took:.1f} ms")
            if answered.status // 100 != 2:  # noqa: PLR2004 - the class of success
                self.failures.append(f"{event.event} was answered {answered.detail}")
            answers.append(answered.said)
        return answers

    async def _forge(self, event: Webhook, webhook_url: str) -> None:
        answered = await self.vault.deliver(webhook_url, self.provider.forged(event))
        self.say("forged webhook", f"{event.event}: {answered.status}")
        if answered.status != 401:  # noqa: PLR2004 - the status itself
            self.failures.append(f"A forged {event.event} was answered {answered.status} and should be 401.")

    async def _until_found(self, copy: Copy) -> str | None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            page = await self.vault.must("GET", f"/recordings?call={copy.call.ref}")
            if page["items"]:
                self.say("found", f"{copy.call.ref} in the provider's list")
                return str(page["items"][0]["id"])
            await asyncio.sleep(0.1)
        why = (
            "The vault asked for the list, and did not take the recording in."
            if self.server.exchanges
            else f"Nobody asked for the list. Does the vault run with VAULT_MEDIA_ALLOW={self.server.authority}, "
            "and a worker?"
        )
        self.failures.append(f"The missed recording was not found in {_PATIENCE:.0f} s. {why}")
        return None

    async def _until_available(self, recording_id: str) -> bool:
        begun = time.monotonic()
        while True:
            recording = await self.vault.must("GET", f"/recordings/{recording_id}")
            state = recording["state"]
            if state == "available":
                self.say("sealed", f"{recording['bytes']} bytes in {time.monotonic() - begun:.2f} s")
                return True
            forbidden = refused_by_settings(self.server, recording)
            if (
                forbidden is not None
                or state in {"failed", "refused"}
                or time.monotonic() - begun > _PATIENCE
            ):
                reasons = "; ".join(reason["text"] for reason in recording["reasons"])
                self.failures.append(
                    forbidden or f"The recording is {state} and should be available. {reasons}".strip()
                )
                return False
            await asyncio.sleep(0.05)

    async def _check(self, recording_id: str, copy: Copy) -> None:
        """Compare audio and facts, and wait for the deletion of the provider's copy."""
        answered = await self.vault.rest("GET", f"/recordings/{recording_id}/audio")
        self.failures += check_audio(copy.audio, answered)
        recording = await self.vault.must("GET", f"/recordings/{recording_id}")
        self.failures += check_facts(
            copy.call,
            recording["call"],
            starts=self.provider.starts(copy.call),
            agent=self.provider.agent(self.direction),
        )
        self.say("checked", f"{len(answered.body)} bytes of audio, and what is known of the call")
        await self._check_deleted(copy)

    async def _check_deleted(self, copy: Copy) -> None:
        if not self.provider.deletes:
            self.say("provider's copy", "is not known to be deletable at this provider")
            return
        deadline = time.monotonic() + _PATIENCE
        while not copy.deleted:
            if time.monotonic() > deadline:
                self.failures.append(f"The provider's copy was not deleted in {_PATIENCE:.0f} s.")
                return
            await asyncio.sleep(0.05)
        self.say("provider's copy", "deleted")


def _word(answered: Answered) -> str:
    return f"{answered.status} {answered.said.get('status', '')}".strip()
