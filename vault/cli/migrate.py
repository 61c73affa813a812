"""The command ``migrate``: shows what a migration changes and which nodes it stops, and migrates."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vault import structured_log
from vault.settings import read_settings

if TYPE_CHECKING:
    from vault.database.engines.migration_plan import MigrationPlan


def migrate(
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show what would change and which nodes would stop.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask, also if nodes of an older release would stop.")
    ] = False,
) -> None:
    """Migrate the database to the schema of this release. It cannot be reversed: take a backup first.

    On a terminal it asks if nodes of an older release would stop.
    """
    from vault.composition.assemble import migrate, migration_plan

    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    if plan:
        _print(migration_plan(settings))
        return
    is_new = settings.sqlite_path is not None and not settings.sqlite_path.exists()
    if is_terminal() and not yes and not is_new:
        _ask(migration_plan(settings))
    migrate(settings)
    typer.echo("The database has the schema of this release.")


def is_terminal() -> bool:
    """Return whether somebody can answer a question."""
    return sys.stdin.isatty()


def _ask(plan: "MigrationPlan") -> None:
    if plan.stops_nodes:
        _print(plan)
        typer.confirm("Migrate, although nodes stop?", abort=True)


def _print(plan: "MigrationPlan") -> None:
    typer.echo(f"{'schema now':<14} {plan.current or 'none: the database is empty'}")
    typer.echo(f"{'schema then':<14} {plan.target}")
    for number, subject in plan.revisions:
        typer.echo(f"{'revision':<14} {number} {subject}")
    if not plan.revisions:
        typer.echo(f"{'nodes':<14} nothing changes, and no node stops")
    elif plan.oldest_now is None:
        typer.echo(f"{'nodes':<14} none runs on an empty database")
    else:
        _print_nodes(plan)


def _print_nodes(plan: "MigrationPlan") -> None:
    """Print which nodes go on and which stop, by their schema and by their release."""
    if not plan.stops_nodes:
        typer.echo(f"{'nodes':<14} all that run now go on: schema {plan.oldest_now} and later")
        return
    named = f", which are those of {', '.join(plan.stopped_releases)}" if plan.stopped_releases else ""
    typer.echo(f"{'nodes stopped':<14} of schemas {plan.oldest_now} to before {plan.oldest_then}{named}")
    rest = "none of an older release" if plan.stops_all else f"of schema {plan.oldest_then} and later"
    typer.echo(f"{'nodes go on':<14} {rest}")
