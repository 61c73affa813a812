"""The sender: sends the webhooks of a call, and reports the announcement to the vault."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vault.rfc3339 import write_rfc3339
from vault.simulator.call import Copy, SimulatedCall
from vault.simulator.exchange import Webhook
from vault.simulator.scene import Scene
from vault.simulator.vault_client import VaultAnswer


@dataclass(frozen=True, slots=True, repr=False)
class Sender:
    """Sends the provider's webhooks. Every wrong response of the vault is a failure of the scene."""

    scene: Scene

    async def tell_announcement(self, call: SimulatedCall) -> None:
        """Report that an announcement informed the outside party, at the time of the answer."""
        party, at = self.scene.outside, call.answered_at
        fact = {"party": party, "event": "announced", "method": "announcement", "at": write_rfc3339(at)}
        evidence = await self.scene.vault.must("POST", f"/calls/{call.ref}/consent", fact)
        verdict = evidence["decision"]["verdict"]
        self.scene.say("announcement", f"told: the {party} heard it; by what is known so far: {verdict}")

    async def announce(self, copy: Copy, webhook_url: str, expected: str) -> str | None:
        """Send the recording's event twice, as providers do, and return the recording's id."""
        ready = self.scene.provider.recording_event(copy, webhook_url)
        first, second = await self.deliver([ready, ready], webhook_url)
        if first.get("status") != expected:
            self.scene.failures.append(
                f"The status of {ready.event} is {first.get('status')} and should be {expected}."
            )
        if first.get("recording") != second.get("recording"):
            self.scene.failures.append(f"{ready.event} was sent twice and created two recordings.")
        recording_id = first.get("recording")
        return None if recording_id is None else str(recording_id)

    async def deliver(self, events: Sequence[Webhook], webhook_url: str) -> list[Mapping[str, Any]]:
        """Send events in order and return the vault's responses."""
        answers: list[Mapping[str, Any]] = []
        for event in events:
            started = time.perf_counter()
            answered = await self.scene.vault.deliver(webhook_url, event)
            took = (time.perf_counter() - started) * 1000
            self.scene.say("signed webhook", f"{event.event}: {_word(answered)} in {took:.1f} ms")
            if answered.status // 100 != 2:  # noqa: PLR2004 - the class of success
                self.scene.failures.append(f"{event.event} was answered with {answered.detail}")
            answers.append(answered.json_object)
        return answers

    async def forge(self, event: Webhook, url: str) -> None:
        """Send a webhook with an invalid signature, which must be refused."""
        answered = await self.scene.vault.deliver(url, self.scene.provider.forged(event))
        self.scene.say("forged webhook", f"{event.event}: {answered.status}")
        if answered.status != 401:  # noqa: PLR2004 - the status itself
            self.scene.failures.append(
                f"The status for a forged {event.event} is {answered.status} and should be 401."
            )


def _word(answered: VaultAnswer) -> str:
    return f"{answered.status} {answered.json_object.get('status', '')}".strip()
