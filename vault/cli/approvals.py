"""The command ``approvals break-glass``: the operator approves alone what no second person can."""

import os
from typing import Annotated

import typer

from vault import structured_log
from vault.cli.operator import operate
from vault.settings import read_settings

approvals = typer.Typer(help="Approve as the operator.", no_args_is_help=True)


@approvals.callback()
def _group() -> None:
    """Make ``break-glass`` a subcommand, although it is the only one."""


@approvals.command("break-glass")
def break_glass(
    approval: Annotated[str, typer.Argument(help="The id of the approval.")],
    reason: Annotated[
        str, typer.Option(help="Why one person decides alone. It is sealed in the access log.")
    ],
) -> None:
    """Approve and carry out an act alone, where no second person can. The access log has an event of its own for it."""
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    done = operate(settings, "approvals.break-glass", {"approval": approval, "reason": reason})
    typer.echo(f"{' '.join(filter(None, (done['act'], done['subject'])))}: {done['state']}")
    if done["state"] != "executed":
        typer.echo(f"It was not done: {done['outcome'] or 'the worker tries again'}.", err=True)
        raise typer.Exit(1)
