"""The retention commands: what the policies would erase, run the sweep now, and let it go on after a pause."""

import os

import typer

from vault import structured_log
from vault.cli.operator import operate
from vault.settings import Settings, read_settings

retention = typer.Typer(help="Erase what the retention policies say.", no_args_is_help=True)


@retention.command("preview")
def preview() -> None:
    """Print for each account how many recordings are due now, or that nothing is erased by time. Nothing is erased."""
    for account in operate(_settings(), "retention.preview", {}):
        warning = f" {account['warning']}" if account["warning"] else ""
        typer.echo(f"{account['account']}: {account['due']} due, last run {account['last_run']}.{warning}")


@retention.command("run")
def run() -> None:
    """Run the retention sweep now. The worker runs it every hour."""
    report = operate(_settings(), "retention.run", {})
    if report["paused"]:
        typer.echo("Paused: a clock may be wrong. Check the clocks, then run `callvault retention resume`.")
        raise typer.Exit(1)
    if report["first"]:
        typer.echo("The first run erases nothing. Check `callvault retention preview`; the next run erases.")
    typer.echo(
        f"{report['erased']} erased, {report['pending']} of them after a wait, {report['capped']} accounts capped."
    )


@retention.command("resume")
def resume() -> None:
    """Let the sweep go on by the present time, after you have checked the clocks."""
    operate(_settings(), "retention.resume", {})
    typer.echo("The retention sweep goes on.")


def _settings() -> Settings:
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    return settings
