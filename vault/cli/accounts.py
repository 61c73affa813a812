"""The command ``accounts close``: shows what it would erase, asks for the account's name, and shows the progress."""

import asyncio
import os
import sys
from typing import Annotated, Any

import typer

from vault import structured_log
from vault.cli.operator import operate, operating
from vault.errors import Invalid
from vault.settings import Settings, read_settings

accounts = typer.Typer(help="Close accounts.", no_args_is_help=True)
#: Seconds between two looks at a closure that goes on.
_POLL_INTERVAL = 1.0
#: Looks without a change after which the command ends: what is left may be kept for years.
_MAX_IDLE = 60


@accounts.callback()
def _group() -> None:
    """Make ``close`` a subcommand, although it is the only one."""


@accounts.command("close")
def close(
    account: Annotated[str, typer.Argument(help="The account's name or id.")],
    reason: Annotated[str, typer.Option(help="Why it is closed. It is stored encrypted.")] = "",
    *,
    export: Annotated[
        bool, typer.Option("--export", help="Make packages with every recording first.")
    ] = False,
) -> None:
    """Close an account after its waiting time: switch recording off, export, erase.

    Shows what is there, and wants the account's name typed. Repeated, it shows when the waiting time is over; once the
    closure has begun, it shows the progress until nothing is left. It may be stopped at any time.
    """
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    shown = operate(settings, "accounts.closure", {"account": account})
    if shown["state"] is None:
        shown = _ask(settings, shown, reason, export=export)
    if shown["state"] == "review":
        typer.echo(f"{shown['account']} is closed at {shown['closes_at']}. Until then it can be taken back:")
        typer.echo(f"DELETE /v1/accounts/{shown['account']}/closure")
    elif shown["state"] == "executing":
        shown = asyncio.run(_follow(settings, shown))
    if shown["state"] == "fulfilled":
        typer.echo(f"{shown['account']} is closed. The receipt is that of the request {shown['id']}.")


def _ask(settings: Settings, shown: dict[str, Any], reason: str, *, export: bool) -> dict[str, Any]:
    """Ask for the closure once the operator has typed the account's name."""
    if not reason.strip():
        raise Invalid("Say why the account is closed, with --reason.", field="reason")
    typer.echo(
        f"{shown['account']}: {shown['recordings']} recordings and {shown['calls']} calls without one are erased after "
        f"{shown['waiting_days']} days. What a hold covers or a legal minimum keeps stays until its end; "
        f"holds in force: {shown['holds']}. After the waiting time this cannot be taken back."
    )
    if typer.prompt("Type the account's name to close it") != shown["account"]:
        raise Invalid("That is not the account's name. Nothing was changed.", field="account")
    arguments = {"account": shown["account"], "reason": reason, "export": export}
    done: dict[str, Any] = operate(settings, "accounts.close", arguments)
    return done


async def _follow(settings: Settings, shown: dict[str, Any]) -> dict[str, Any]:
    """Show the progress until the closure ends, or nothing has changed for a minute."""
    total, idle = shown["recordings"], 0
    async with operating(settings, "accounts.closure") as operator:
        with typer.progressbar(length=max(total, 1), file=sys.stderr, label="erased") as bar:
            while shown["state"] == "executing" and idle < _MAX_IDLE:
                before = shown
                await asyncio.sleep(_POLL_INTERVAL)
                shown = await operator("accounts.closure", {"account": before["account"]})
                bar.update(total - shown["recordings"] - bar.pos)
                idle = idle + 1 if shown == before else 0
    if shown["state"] == "executing":
        typer.echo(
            f"{shown['recordings']} recordings stay for now: because of holds, minima, an unfinished export, or a "
            "provider that does not answer. Run the command again later."
        )
    return shown
