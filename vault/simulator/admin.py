"""The admin of the simulated account: sets connections, the switch, the policy and notices, and releases recordings."""

import asyncio
import io
import json
import math
import struct
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from vault.domain.consent.consent_event import MODES, Mode
from vault.errors import Invalid, VaultError
from vault.rfc3339 import parse_rfc3339
from vault.simulator.call import LENGTH
from vault.simulator.scene import Scene

#: The notice that is published if the account has no suitable one.
_NOTICE = {
    "language": "en",
    "places": ["US-CA"],
    "controller": "Simulated Incorporated",
    "purposes": "to try out what becomes of a recording",
    "full_notice": "simulated.example/privacy",
}
#: How to refuse without a key.
_REFUSAL = "say so, and we go on without recording"
#: Read-only fields of a policy.
_WRITTEN = ("version", "changed_at", "changed_by")

_SAMPLE_RATE, _TONE_SECONDS, _AMPLITUDE = 8000, 0.4, 9000
_TONES_HERTZ = (440.0, 550.0, 660.0)


@dataclass(frozen=True, slots=True, repr=False)
class Admin:
    """Calls the REST API with the simulation's key."""

    scene: Scene

    async def connect(self, suffix: str = "", **more: object) -> Mapping[str, Any]:
        """Create or replace the connection and return it. The provider's copies are deleted, also if refused."""
        provider = self.scene.provider
        body: dict[str, object] = {
            "provider": provider.name,
            "credentials": provider.credentials,
            "api_base": self.scene.server.base,
            "delete_at_source": True,
            "delete_refused": True,
            **more,
        }
        path = f"/connections/simulated-{provider.name}{suffix}"
        connection = await self.scene.vault.must("PUT", path, body)
        self.scene.say("webhook", str(connection["webhook_url"]))
        return connection

    async def switch(self, *, enabled: bool) -> None:
        """Switch recording on or off."""
        body = {"enabled": enabled, "reason": "simulation"}
        switch = await self.scene.vault.must("PUT", "/recording-switch", body)
        self.scene.say("switch", f"{'on' if switch['enabled'] else 'off'}, epoch {switch['epoch']}")

    async def until_no_call_was_off(self, *, earlier: timedelta = timedelta(0)) -> None:
        """Wait until a call that ended ``earlier`` than now started after the last time when recording was off.

        Raises VaultError if recording is off, or if the wait would be long.
        """
        switch = await self.scene.vault.must("GET", "/recording-switch")
        if not switch["enabled"]:
            raise VaultError(
                f"Recording is switched off for account {self.scene.vault.account}. "
                "Switch it on, or use --switched-off."
            )
        changes = (await self.scene.vault.must("GET", "/recording-switch/history"))["items"]
        if all(change["enabled"] for change in changes):
            return
        began = datetime.now(UTC) - LENGTH - earlier
        # The call's times are whole seconds, so it may start up to one second earlier.
        pause = (parse_rfc3339(switch["changed_at"]) - began).total_seconds() + 1
        if pause > 0 and earlier:
            raise VaultError(
                f"Recording was off during the missed call, or after it. Try again in {int(pause)} seconds, "
                "or with another --account."
            )
        if pause > 0:
            self.scene.say(
                "waiting",
                f"{pause:.0f} s: recording was just off, and the call must not overlap with that time",
            )
            await asyncio.sleep(pause)

    async def must_quarantine(self) -> None:
        """Raise VaultError unless the policy quarantines recordings without evidence."""
        policy = await self._policy()
        if policy["missing_evidence"] != "quarantine":
            raise VaultError(
                f"The consent policy of account {self.scene.vault.account} has {policy['missing_evidence']} for "
                "missing evidence. --silent needs quarantine; use another --account."
            )

    async def declines(self, key: str) -> bool:
        """Tell whether a key declines, by the account's policy. Raises Invalid for a key without a meaning."""
        keys = (await self._policy())["keys"]
        if key == keys["accept"]:
            return False
        if key in (keys["decline"], keys["object"]):
            return True
        raise Invalid(
            f"In this account {keys['accept']} accepts and {keys['decline']} declines: press one of them.",
            field="press",
        )

    @asynccontextmanager
    async def asking_for_a_key(self) -> AsyncIterator[None]:
        """Change the policy so that parties are asked for a key, and restore it at the end of the block."""
        before = await self._policy()
        if MODES.index(before["mode"]) >= MODES.index("opt_out_key"):
            yield
            return
        await self._set_policy(before | {"mode": "opt_out_key"})
        self.scene.say("consent policy", "parties are asked for a key, for this call")
        try:
            yield
        finally:
            await self._set_policy(before)
            self.scene.say("consent policy", "as before")

    async def publish_notice(self, mode: Mode) -> None:
        """Publish a notice for the outside party, unless the account already has a suitable one."""
        vault, party = self.scene.vault, self.scene.outside
        published = (await vault.must("GET", "/notices?status=published"))["items"]
        mode = max(mode, (await self._policy())["mode"], key=MODES.index)
        stricter = MODES[MODES.index(mode) :]
        if any(notice["audience"] == party and notice["mode"] in stricter for notice in published):
            return
        fields = {**_NOTICE, "audience": party, "mode": mode}
        if mode == "announce":
            fields["refusal"] = _REFUSAL
        draft = await vault.must("POST", "/notices", fields)
        await vault.upload(f"/notices/{draft['id']}/audio", chime(), "audio/wav")
        notice = await vault.must("POST", f"/notices/{draft['id']}/publish")
        self.scene.say("notice", f'published for the {party}: "{notice["text"]}"')

    async def release(self, recording_id: str) -> None:
        """Release a recording from quarantine."""
        body = {"reason": "simulation"}
        decision = await self.scene.vault.must("POST", f"/recordings/{recording_id}/release", body)
        self.scene.say("released", f"by an admin: {decision['verdict']}")

    async def _policy(self) -> dict[str, Any]:
        return await self.scene.vault.must("GET", "/consent-policy")

    async def _set_policy(self, policy: Mapping[str, Any]) -> None:
        body = json.loads(json.dumps({name: value for name, value in policy.items() if name not in _WRITTEN}))
        for override in body["overrides"]:
            # The vault sets these two fields.
            del override["author"], override["at"]
        await self.scene.vault.must("PUT", "/consent-policy", body)


def chime() -> bytes:
    """Generate the audio of a notice: three tones in WAV, 8 kHz, one channel, PCM16, a little over a second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE)
        for hertz in _TONES_HERTZ:
            samples = (
                round(_AMPLITUDE * math.sin(2 * math.pi * hertz * n / _SAMPLE_RATE))
                for n in range(round(_TONE_SECONDS * _SAMPLE_RATE))
            )
            file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return out.getvalue()
