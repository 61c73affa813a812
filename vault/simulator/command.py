"""The command ``callvault simulate``: its options, each of which says what it is for."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from vault.simulator.simulate import LISTEN, run_simulations
from vault.simulator.simulation import Way

Provider = Annotated[str, typer.Argument(help="aircall, twilio, vonage, telnyx, plivo or signalwire.")]
Vault = Annotated[str, typer.Option(help="Where the vault runs.")]
Key = Annotated[str, typer.Option(help="An API key for everything: `callvault keys create`.")]
Account = Annotated[str, typer.Option(help="Opened if it is not there.")]
Directions = Annotated[Literal["inbound", "outbound", "both"], typer.Option(help="Who called whom.")]
Audio = Annotated[Path | None, typer.Option(help="Another recording than the bundled one.")]
Listen = Annotated[
    str, typer.Option(help="Where the simulated provider listens; the vault needs it as VAULT_MEDIA_ALLOW.")
]
Expired = Annotated[
    bool, typer.Option("--expired", help="The announced URL is dead: the vault must ask for another.")
]
SwitchedOff = Annotated[
    bool, typer.Option("--switched-off", help="Recording is off: nothing may be kept. Then on again.")
]
Missed = Annotated[
    bool, typer.Option("--missed", help="The recording's webhook never comes: the vault must find it.")
]
Silent = Annotated[
    bool, typer.Option("--silent", help="Nobody is told of the recording: quarantine, then a release.")
]
Steered = Annotated[
    bool, typer.Option("--steered", help="The vault's documents lead the call: notice, key, recording.")
]
Press = Annotated[
    str | None,
    typer.Option(
        help="With --steered: the key that the party presses in the middle of the notice; 9 declines, 1 accepts."
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
    """Play a provider against a running vault: webhooks, REST interface and media, then check the result.

    The vault must run with VAULT_MEDIA_ALLOW=127.0.0.1:8090 (what --listen says), for it fetches from
    private addresses only if they are named. Exits with 0 only if everything holds.

    Both numbers are in California, where whoever is outside the account must be told of the recording. So the
    simulator tells the vault that an announcement was played, as an application does. With --silent nobody is
    told, and the recording must wait in quarantine. With --steered nobody need tell: the platform asks the vault
    for documents and plays the notice in them, and that it comes back is the evidence.
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
