"""The command ``callvault``."""

import asyncio
import ctypes
import json
import os
import sys
from typing import Annotated

import typer

from vault import logs
from vault.domain.account import SCOPES
from vault.domain.explain_rule import explain
from vault.domain.rule_data import UNKNOWN, read_place
from vault.errors import StartRefused, VaultError
from vault.log_commands import log, verify
from vault.operating import operate
from vault.rotate_commands import rotate
from vault.settings import Settings, read_settings
from vault.simulator.command import simulate
from vault.store_commands import fsck, restore

app = typer.Typer(
    help="A self-hosted vault for call recordings: sealed per account, switchable, every access on record.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="Make API keys.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(log, name="log")
rules = typer.Typer(help="Look at the rules of recording by place.", no_args_is_help=True)
app.add_typer(rules, name="rules")
app.command()(simulate)

# glibc's names for two parameters of mallopt.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MEBIBYTE = 1024 * 1024


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    *,
    worker: Annotated[
        bool, typer.Option(help="Fetch, seal and describe recordings in this process too.")
    ] = True,
) -> None:
    """Serve webhooks, REST and playback links; the worker runs beside it unless --no-worker."""
    settings = _settings()
    _keep_large_blocks()
    _serve(settings, host, port, worker=worker)


def _serve(settings: Settings, host: str, port: int, *, worker: bool) -> None:
    from vault.asgi import Server, app_of
    from vault.asgi import serve as serve_app
    from vault.heads import server_config

    app = app_of(settings, worker=worker)
    config = server_config(app, host=host, port=port, stop_seconds=settings.stop_seconds)
    server = Server(config, app, drain_seconds=settings.drain_seconds)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve_app(app, server))


@app.command("worker")
def run_worker(
    health_host: Annotated[str, typer.Option(help="Address of the health port.")] = "127.0.0.1",
    health_port: Annotated[
        int | None, typer.Option(help="Answer /healthz, /readyz and /metrics on this port.")
    ] = None,
) -> None:
    """Fetch, seal and describe recordings, without taking requests. For more nodes on PostgreSQL."""
    from vault.working import work_until_stopped

    settings = _settings()
    _keep_large_blocks()
    asyncio.run(work_until_stopped(settings, host=health_host, port=health_port))


@app.command()
def migrate() -> None:
    """Bring the database to the schema of this release."""
    from vault import wiring

    wiring.migrate(_settings())
    typer.echo("The database is at the schema of this release.")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for; names need not be unique.")],
    scopes: Annotated[str, typer.Option(help=f"With commas: {', '.join(SCOPES)}.")],
    account: Annotated[str | None, typer.Option(help="Only for this account; without it, for all.")] = None,
) -> None:
    """Make an API key and print it, alone, on standard output. Sets up an empty data directory."""
    settings = _settings()
    arguments = {"name": name, "scopes": [scope.strip() for scope in scopes.split(",")], "account": account}
    typer.echo(operate(settings, "keys.create", arguments))


@rules.command("show")
def show_rules(
    place: Annotated[
        str | None, typer.Argument(help="A country (FR), a state (US-WA), or * for the unknown.")
    ] = None,
) -> None:
    """Say what is asked of whoever records a call at a place; without one, list every place."""
    from vault import wiring

    book = wiring.rule_book()
    if place is None:
        for rule in (book.unknown, *book.rules.values()):
            typer.echo(f"{rule.place:<6} {rule.consent:<7} {rule.confidence:<10} {rule.name}")
        typer.echo(f"Rule book {book.version}. This is not legal advice.")
        return
    asked = read_place(place)
    rule = book.of(asked)
    if asked not in {*book.rules, UNKNOWN}:
        held = f"that of {rule.place} holds" if rule.place in book.rules else "it is treated strictly"
        typer.echo(f"The rule book has no row for {asked}, so {held}.")
    typer.echo(explain(rule))
    if rule.note:
        typer.echo(f"Note: {rule.note}")
    typer.echo(f"Rule book {book.version}.")


@app.command("export-key")
def export_key(recording: Annotated[str, typer.Argument(help="The recording's id: rec_...")]) -> None:
    """Print as JSON what the official AWS Encryption SDK needs to open one recording. It is on record."""
    typer.echo(json.dumps(operate(_settings(), "export-key", {"recording": recording}), indent=2))


app.command("verify-log")(verify)
app.command()(rotate)
app.command()(restore)
app.command()(fsck)


@app.command()
def sweep() -> None:
    """Remove what crashed attempts left behind more than a day ago. The worker does it every hour."""
    typer.echo(f"{operate(_settings(), 'sweep', {})} removed.")


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    *,
    once: Annotated[bool, typer.Option(help="End when the link was printed, instead of serving on.")] = False,
) -> None:
    """Push a bundled call through the whole vault, print a link to hear it, and keep serving."""
    from vault.demo import run_demo

    _keep_large_blocks()
    run_demo(port=port, once=once)


def _settings() -> Settings:
    settings = read_settings(os.environ)
    logs.set_up(settings.log_level)
    return settings


def _keep_large_blocks() -> None:
    """Tell glibc to keep freed mebibytes: giving each back and asking anew costs more than opening it."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 32 * _MEBIBYTE)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 * _MEBIBYTE)
    except (OSError, AttributeError):
        return  # Another C library has its own ways.


def main() -> None:
    """Run the command; errors that were foreseen are one sentence, and say what to do next."""
    try:
        app(prog_name="callvault")
    except StartRefused as error:
        sys.stderr.write(f"callvault does not start: {error}\n")
        sys.exit(2)
    except VaultError as error:
        sys.stderr.write(f"callvault: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
