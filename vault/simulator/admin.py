"""What the admin of the simulated account does: connections, the switch, the policy, notices, a release."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from vault.domain.consent.consent_event import MODES, Mode
from vault.errors import Invalid, VaultError
from vault.simulator.call import LENGTH
from vault.simulator.scene import Scene
from vault.simulator.sound import chime

#: What the simulated account says, where no notice of its own fits.
_NOTICE = {
    "language": "en",
    "places": ["US-CA"],
    "controller": "Simulated Incorporated",
    "purposes": "to try out what becomes of a recording",
    "full_notice": "simulated.example/privacy",
}
#: How to refuse, where no key does it.
_REFUSAL = "say so, and we go on without recording"
#: What a policy says of itself, and nobody can set.
_WRITTEN = ("version", "changed_at", "changed_by")


@dataclass(frozen=True, slots=True, repr=False)
class Admin:
    """Acts over the REST interface, with the key that the simulation was given."""

    scene: Scene

    async def connect(self, suffix: str = "", **more: object) -> Mapping[str, Any]:
        """Set the connection and return it. The provider's copies are to be deleted, of refused recordings too."""
        provider = self.scene.provider
        said: dict[str, object] = {
            "provider": provider.name,
            "credentials": provider.credentials,
            "api_base": self.scene.server.base,
            "delete_at_source": True,
            "delete_refused": True,
            **more,
        }
        path = f"/connections/simulated-{provider.name}{suffix}"
        connection = await self.scene.vault.must("PUT", path, said)
        self.scene.say("webhook", str(connection["webhook_url"]))
        return connection

    async def switch(self, *, enabled: bool) -> None:
        """Switch recording on or off."""
        said = {"enabled": enabled, "reason": "simulation"}
        switch = await self.scene.vault.must("PUT", "/recording-switch", said)
        self.scene.say("switch", f"{'on' if switch['enabled'] else 'off'}, epoch {switch['epoch']}")

    async def until_no_call_was_off(self, *, earlier: timedelta = timedelta(0)) -> None:
        """Wait until a call that ended ``earlier`` than now lies behind the last moment in which recording was off.

        Raises VaultError where recording is off, and where the wait would be long.
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
        # The call's times are whole seconds, so it may begin up to one second earlier.
        pause = (datetime.fromisoformat(switch["changed_at"]) - began).total_seconds() + 1
        if pause > 0 and earlier:
            raise VaultError(
                f"Recording was off when the missed call was on, or after it. Try again in {int(pause)} seconds, "
                "or with another --account."
            )
        if pause > 0:
            self.scene.say(
                "waiting", f"{pause:.0f} s: recording was just off, and the call must not reach into that"
            )
            await asyncio.sleep(pause)

    async def must_quarantine(self) -> None:
        """Raise VaultError unless what lacks its evidence goes into quarantine."""
        policy = await self._policy()
        if policy["missing_evidence"] != "quarantine":
            raise VaultError(
                f"The consent policy of account {self.scene.vault.account} says {policy['missing_evidence']} where "
                "evidence is missing. --silent needs quarantine; use another --account."
            )

    async def declines(self, key: str) -> bool:
        """Say whether a key is a no, by the account's policy. Raises Invalid for a key that says nothing."""
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
        """Have parties asked for a key until the end of the block, then as before."""
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
        """See to it that the party outside the account can be told: by the account's own notice, or by a new one."""
        vault, party = self.scene.vault, self.scene.outside
        published = (await vault.must("GET", "/notices?status=published"))["items"]
        mode = max(mode, (await self._policy())["mode"], key=MODES.index)
        stricter = MODES[MODES.index(mode) :]
        if any(one["audience"] == party and one["mode"] in stricter for one in published):
            return
        wanted = {**_NOTICE, "audience": party, "mode": mode}
        if mode == "announce":
            wanted["refusal"] = _REFUSAL
        draft = await vault.must("POST", "/notices", wanted)
        await vault.upload(f"/notices/{draft['id']}/audio", chime(), "audio/wav")
        notice = await vault.must("POST", f"/notices/{draft['id']}/publish")
        self.scene.say("notice", f'published for the {party}: "{notice["text"]}"')

    async def release(self, recording_id: str) -> None:
        """Let a recording out of quarantine."""
        said = {"reason": "simulation"}
        decision = await self.scene.vault.must("POST", f"/recordings/{recording_id}/release", said)
        self.scene.say("released", f"by an admin: {decision['verdict']}")

    async def _policy(self) -> dict[str, Any]:
        return await self.scene.vault.must("GET", "/consent-policy")

    async def _set_policy(self, policy: Mapping[str, Any]) -> None:
        said = json.loads(json.dumps({name: value for name, value in policy.items() if name not in _WRITTEN}))
        for override in said["overrides"]:
            # Who said so, and when, is the vault's to write.
            del override["author"], override["at"]
        await self.scene.vault.must("PUT", "/consent-policy", said)
