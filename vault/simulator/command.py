"""The command ``callvault simulate`` and its options."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from vault.simulator.registry import SIMULATED
from vault.simulator.simulate import LISTEN, run_simulations
from vault.simulator.simulation import Way

Provider = Annotated[
    str, typer.Argument(help=f"One of {', '.join(SIMULATED)}.", autocompletion=lambda: sorted(SIMULATED))
]
Vault = Annotated[str, typer.Option(help="URL of the vault.")]
Key = Annotated[str, typer.Option(help="An API key with all scopes: `callvault keys create`.")]
Account = Annotated[str, typer.Option(help="Account id; created if it does not exist.")]
Directions = Annotated[Literal["inbound", "outbound", "both"], typer.Option(help="Direction of the call.")]
Audio = Annotated[Path | None, typer.Option(help="Recording to use instead of the bundled sample.")]
Listen = Annotated[
    str,
    typer.Option(help="Address of the simulated provider; the vault needs the same in VAULT_MEDIA_ALLOW."),
]
Expired = Annotated[
    bool, typer.Option("--expired", help="The announced URL is dead: the vault must request another.")
]
SwitchedOff = Annotated[
    bool, typer.Option("--switched-off", help="Recording is off, then on again: nothing may be stored.")
]
Missed = Annotated[
    bool,
    typer.Option("--missed", help="The recording's webhook is not sent: the vault must find the recording."),
]
Silent = Annotated[
    bool, typer.Option("--silent", help="No announcement is reported: quarantine, then a release.")
]
Steered = Annotated[
    bool, typer.Option("--steered", help="The vault's documents control the call: notice, key, recording.")
]
Press = Annotated[
    str | None,
    typer.Option(
        help="With --steered: the key that the party presses during the notice; 9 declines, 1 accepts."
    ),
]


def simulate(
    provider: Provider,
    *,
    vault: Vault,
    key: Key,
    account: Account = "demo",
    direction: Directions = "inbound",
    audio: Audio = None,
    listen: Listen = LISTEN,
    expired: Expired = False,
    switched_off: SwitchedOff = False,
    missed: Missed = False,
    silent: Silent = False,
    steered: Steered = False,
    press: Press = None,
) -> None:
    """Simulate a provider for a running vault: webhooks, REST API and media; then check the result.

    The vault must run with VAULT_MEDIA_ALLOW=127.0.0.1:8090 (the value of --listen), because it fetches from
    private addresses only if they are listed. The exit status is 0 only if all checks pass.

    Both numbers are in California, where the outside party must be informed of the recording. So the
    simulator reports to the vault that an announcement was played, as an application does. With --silent it
    reports nothing, and the recording must be quarantined. With --steered no report is needed: the platform
    requests documents from the vault and plays their notice, and its next request is the evidence.
    """
    ways: dict[Way, bool] = {"expired": expired, "switched_off": switched_off, "missed": missed}
    ways |= {"silent": silent, "steered": steered}
    run = run_simulations(
        provider,
        vault,
        key,
        account=account,
        direction=direction,
        listen=listen,
        audio=audio,
        ways=ways,
        press=press,
    )
    sys.exit(0 if asyncio.run(run) else 1)
