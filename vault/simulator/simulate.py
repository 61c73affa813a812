"""Runs and checks the simulation of a call, for the command ``callvault simulate`` and for tests."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vault.domain.calls.call import Direction
from vault.errors import Invalid
from vault.simulator.provider import SimulatedProvider
from vault.simulator.registry import SIMULATED, STEERED
from vault.simulator.scene import Say, Scene
from vault.simulator.server import provider_server
from vault.simulator.simulation import Simulation, Way
from vault.simulator.vault_client import VaultClient

SAMPLE = Path(__file__).parents[1] / "audio" / "sample" / "call.wav"
LISTEN = "127.0.0.1:8090"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a simulation."""

    provider: str
    direction: Direction
    #: None if the vault has no recording.
    recording_id: str | None
    #: A sentence for each failed check.
    failures: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Tell whether all checks passed."""
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
    """Simulate one call and return the result.

    ``press``: the key that the party of a steered call presses. ``audio``: replaces the bundled sample. Raises
    Invalid, Unavailable (also if the port is in use), and VaultError if the vault refuses a request.
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
    """Simulate one or both directions, print each step, and return whether all checks passed.

    At most one of ``ways`` may be true. Raises the errors of ``simulate``, and Invalid for a file
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
        _print("result", result_of(len(outcome.failures)))
        passed = passed and outcome.ok
    return passed


def result_of(failures: int) -> str:
    """Return the last line of a simulation that found so many failures."""
    if failures == 0:
        return "everything holds"
    return "1 thing does not hold" if failures == 1 else f"{failures} things do not hold"


def _kind(provider: str, way: Way, press: str | None) -> type[SimulatedProvider]:
    """Return the provider's class. Raises Invalid, also if the provider does not support the way."""
    if press is not None and way != "steered":
        raise Invalid("--press needs --steered: a key is pressed only in a steered call.", field="press")
    kind = SIMULATED.get(provider)
    if kind is None:
        raise Invalid(f"provider must be one of {', '.join(SIMULATED)}.", field="provider")
    if way == "missed" and not kind.lists:
        raise Invalid(
            f"{provider} has no list of recordings, in which the vault could find a missed one.",
            field="missed",
        )
    if way != "steered":
        return kind
    if provider not in STEERED:
        raise Invalid(
            f"{provider} requests no documents; --steered works with {', '.join(STEERED)}.", field="steered"
        )
    return STEERED[provider]


def _chosen(ways: Mapping[Way, bool]) -> Way:
    """Return the chosen way, or ``usual``. Raises Invalid if several are chosen."""
    wanted = [way for way, chosen in ways.items() if chosen]
    if len(wanted) > 1:
        options = ", ".join(f"--{way.replace('_', '-')}" for way in ways)
        raise Invalid(f"Choose one of {options}.", field=wanted[1])
    return wanted[0] if wanted else "usual"


def _address(listen: str) -> tuple[str, int]:
    """Parse ``host:port``. Raises Invalid."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise Invalid("--listen must be host:port, such as 127.0.0.1:8090.", field="listen")
    return host, int(port)


def _print(what: str, value: str) -> None:
    print(f"{what:>16}  {value}", flush=True)  # noqa: T201 - the command's output
