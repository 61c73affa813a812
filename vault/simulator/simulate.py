"""The command ``callvault simulate`` and what tests call: one provider's call, played and judged."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vault.domain.calls.call import Direction
from vault.errors import Invalid
from vault.simulator.provider import SimulatedProvider
from vault.simulator.providers import SIMULATED, STEERED
from vault.simulator.scene import Say, Scene
from vault.simulator.server import provider_server
from vault.simulator.simulation import Simulation, Way
from vault.simulator.vault_client import VaultClient

SAMPLE = Path(__file__).parents[1] / "audio" / "sample" / "call.wav"
LISTEN = "127.0.0.1:8090"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a simulation found."""

    provider: str
    direction: Direction
    #: None if the vault never had one.
    recording_id: str | None
    #: A sentence for everything that does not hold.
    failures: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Say whether everything holds."""
        return not self.failures


async def simulate(
    provider: str,
    vault_url: str,
    key: str,
    *,
    account: str = "demo",
    direction: Direction = "inbound",
    way: Way = "usual",
    press: str | None = None,
    listen: str = LISTEN,
    audio: bytes | None = None,
    say: Say = lambda _what, _value: None,
) -> Outcome:
    """Simulate one call and return what became of it.

    ``press``: the key that the party of a steered call presses. ``audio``: instead of the bundled sample. Raises
    Invalid, Unavailable (the port is taken, too), and VaultError for what the vault does not let itself be set to.
    """
    kind, (host, port) = _kind(provider, way, press), _address(listen)
    async with provider_server(host, port) as server:
        simulated = kind(server.base)
        server.answer = simulated.answer
        scene = Scene(
            provider=simulated,
            server=server,
            vault=VaultClient(vault_url.rstrip("/"), key, account),
            direction=direction,
            audio=SAMPLE.read_bytes() if audio is None else audio,
            say=say,
        )
        recording_id = await Simulation(scene).play(way, press=press)
    failures = tuple(scene.failures)
    for failure in failures:
        say("does not hold", failure)
    return Outcome(provider=provider, direction=direction, recording_id=recording_id, failures=failures)


async def run_simulations(
    provider: str,
    vault_url: str,
    key: str,
    *,
    account: str,
    direction: Literal["inbound", "outbound", "both"],
    listen: str,
    audio: Path | None,
    ways: Mapping[Way, bool],
    press: str | None,
) -> bool:
    """Simulate in one direction or in both, print each step, and say whether everything holds.

    ``ways`` are those of ``simulate``; at most one of them is chosen. Raises as it does, and Invalid for a file
    that cannot be read.
    """
    way = _chosen(ways)
    try:
        sound = None if audio is None else await asyncio.to_thread(audio.read_bytes)
    except OSError as error:
        raise Invalid(f"The audio cannot be read ({error.strerror}).", field="audio") from error
    directions: tuple[Direction, ...] = ("inbound", "outbound") if direction == "both" else (direction,)
    passed = True
    for each in directions:
        outcome = await simulate(
            provider,
            vault_url,
            key,
            account=account,
            direction=each,
            listen=listen,
            way=way,
            press=press,
            audio=sound,
            say=_print,
        )
        _print("result", "everything holds" if outcome.ok else f"{len(outcome.failures)} things do not hold")
        passed = passed and outcome.ok
    return passed


def _kind(provider: str, way: Way, press: str | None) -> type[SimulatedProvider]:
    """Return what simulates the provider. Raises Invalid, also where it cannot go that way."""
    if press is not None and way != "steered":
        raise Invalid("A key is pressed in a steered call: --press goes with --steered.", field="press")
    kind = SIMULATED.get(provider)
    if kind is None:
        raise Invalid(f"Providers are: {', '.join(SIMULATED)}.", field="provider")
    if way == "missed" and not kind.lists:
        raise Invalid(f"{provider} has no list of recordings: what it misses stays missed.", field="missed")
    if way != "steered":
        return kind
    if provider not in STEERED:
        raise Invalid(f"{provider} asks for no documents; these do: {', '.join(STEERED)}.", field="steered")
    return STEERED[provider]


def _chosen(ways: Mapping[Way, bool]) -> Way:
    """Return the one way that is wanted, or the usual one. Raises Invalid where there are several."""
    wanted = [way for way, chosen in ways.items() if chosen]
    if len(wanted) > 1:
        options = ", ".join(f"--{way.replace('_', '-')}" for way in ways)
        raise Invalid(f"Choose one of {options}.", field=wanted[1])
    return wanted[0] if wanted else "usual"


def _address(listen: str) -> tuple[str, int]:
    """Take ``host:port`` apart. Raises Invalid."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise Invalid("The address to listen on is host:port.", field="listen")
    return host, int(port)


def _print(what: str, value: str) -> None:
    print(f"{what:>16}  {value}", flush=True)  # noqa: T201 - it speaks to people
