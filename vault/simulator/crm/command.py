"""The command ``callvault simulate-crm``: a simulated CRM system that a running vault hands calls over to."""

import asyncio
import json
import signal
from dataclasses import replace
from functools import partial
from typing import Annotated
from urllib.parse import unquote

import typer

from vault.errors import Invalid
from vault.simulator.crm.crm import SimulatedCrm
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.exchange import Reply, VaultRequest
from vault.simulator.server import provider_server

LISTEN = "127.0.0.1:8091"
System = Annotated[
    str,
    typer.Argument(help=f"One of {', '.join(SIMULATED_CRM)}.", autocompletion=lambda: sorted(SIMULATED_CRM)),
]
Listen = Annotated[
    str, typer.Option(help="Address of the simulated system; the vault needs the same in VAULT_MEDIA_ALLOW.")
]
Number = Annotated[str, typer.Option(help="Number of the one contact that the system has, in E.164.")]


def simulate_crm(system: System, *, listen: Listen = LISTEN, number: Number = "+12025550100") -> None:
    """Run a simulated CRM system until Ctrl-C; print what to activate, each request, and what stands there at the end.

    The first line is the body for POST …/integrations, beside recipient and country. The vault must run with
    VAULT_MEDIA_ALLOW set to the value of --listen.
    """
    asyncio.run(run_crm(system, listen, number))


async def run_crm(system: str, listen: str, number: str) -> None:
    """Run it until SIGINT or SIGTERM. Raises Invalid and Unavailable."""
    if system not in SIMULATED_CRM:
        raise Invalid(f"{system} is not simulated. Choose one of {', '.join(SIMULATED_CRM)}.", field="system")
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit():
        raise Invalid("--listen must be an address and a port, such as 127.0.0.1:8091.", field="listen")
    simulated, ended = SIMULATED_CRM[system](), asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, ended.set)
    async with provider_server(host, int(port)) as server:
        server.answer = partial(answer_by, simulated)
        contact = simulated.add_contact(number, number, number[-9:])
        simulated.open_parent(contact)
        settings = {**simulated.settings, "api_base": server.base}
        typer.echo(json.dumps({"system": system, "key": simulated.key, "settings": settings}))
        await ended.wait()
    for text in simulated.shown():
        typer.echo(text)


def answer_by(simulated: SimulatedCrm, asked: VaultRequest) -> Reply:
    """Answer a request, and print it. What is new is found at once: nobody waits for an index here."""
    reply = simulated.answer(replace(asked, path=unquote(asked.path)))
    simulated.index()
    typer.echo(f"{asked.method} {asked.path} {reply.status}")
    return reply
