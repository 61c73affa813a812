"""The command ``requests list``: kinds, states and deadlines of an account's requests, without who asked."""

import os
from typing import Annotated

import typer

from vault import structured_log
from vault.cli.operator import operate
from vault.domain.requests.request import RequestState
from vault.settings import read_settings

requests = typer.Typer(help="Show the requests of people.", no_args_is_help=True)


@requests.callback()
def _group() -> None:
    """Make ``list`` a subcommand, although it is the only one."""


@requests.command("list")
def list_requests(
    account: Annotated[str, typer.Argument(help="The account's name.")],
    state: Annotated[RequestState | None, typer.Option(help="Only requests in this state.")] = None,
) -> None:
    """List the newest requests of an account, one a line: id, kind, regime, state and deadline."""
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    arguments = {"account": account, "state": None if state is None else str(state)}
    for one in operate(settings, "requests.list", arguments):
        due = one["due_at"] or "no deadline"
        typer.echo(f"{one['id']}  {one['kind']:<13} {one['regime']:<4}  {one['state']:<17} {due}")
