"""The command ``callvault``."""

import asyncio
import ctypes
import json
import os
import socket
import sys
from typing import Annotated

import typer

from vault import structured_log
from vault.cli.accounts import accounts
from vault.cli.approvals import approvals
from vault.cli.cells import cells
from vault.cli.doctor import doctor
from vault.cli.drill import drill
from vault.cli.events import events
from vault.cli.log import log, verify
from vault.cli.migrate import migrate
from vault.cli.move import move_account, move_receipt, verify_move
from vault.cli.operator import operate
from vault.cli.receipt import verify_receipt_file
from vault.cli.removal import verify_removal
from vault.cli.requests import requests
from vault.cli.retention import retention
from vault.cli.rotate import rotate
from vault.cli.sign_in import sign_in
from vault.cli.store import backup, fsck, restore, rewrite_store
from vault.cli.version import build_version
from vault.domain.accounts.account import SCOPES
from vault.domain.legal_rules.rule import explain
from vault.domain.legal_rules.rule_book_loader import UNKNOWN, read_place
from vault.domain.urls import is_loopback, split_url
from vault.errors import StartRefused, VaultError
from vault.settings import DEFAULT_PORT, Settings, read_settings
from vault.simulator.command import simulate
from vault.simulator.crm.command import simulate_crm

_ABOUT = "A self-hosted vault for call recordings: encrypted per account, with a recording switch, every access logged."
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
keys = typer.Typer(help="Create API keys.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(cells, name="cells")
app.add_typer(log, name="log")
app.add_typer(events, name="events")
rules = typer.Typer(help="Show the recording rules by place.", no_args_is_help=True)
app.add_typer(rules, name="rules")
app.add_typer(drill, name="drill")
app.add_typer(retention, name="retention")
for first in (simulate, simulate_crm, migrate, doctor):
    app.command()(first)

#: With port 0 the system chooses one.
Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]

# glibc's names for two parameters of mallopt.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MEBIBYTE = 1024 * 1024


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    *,
    worker: Annotated[
        bool, typer.Option(help="Fetch, encrypt and describe recordings in this process too.")
    ] = True,
    processes: Annotated[
        int,
        typer.Option(help="Serve with so many processes on one port; needs PostgreSQL.", min=1, max=64),
    ] = 1,
    health_port: Annotated[
        int | None,
        typer.Option(
            help="Serve /healthz, /readyz and /metrics of this process on this port too; with --processes, of "
            "each process on a port of its own from this one on.",
            min=1,
            max=65535,
        ),
    ] = None,
    inherited: Annotated[int | None, typer.Option("--socket", hidden=True)] = None,
) -> None:
    """Serve webhooks, REST and playback links; runs the worker in the same process unless --no-worker.

    One process uses one core. With --processes N, N of them share the port; each is a node of its own, with its own
    connections to the database, worker and /metrics.
    """
    from vault.server.http_limits import check_address

    settings = _settings(port)
    _keep_large_blocks()
    if health_port is not None and processes == 1:
        check_address(host, health_port, options="--health-port or --host")
    if inherited is None:
        check_address(host, port, options="--port or --host")
        _warn_of_other_port(settings, port)
    if processes > 1:
        _serve_with_processes(settings, host, port, count=processes, worker=worker, health_port=health_port)
    else:
        _serve(settings, host, port, worker=worker, health_port=health_port, inherited=inherited)


def _serve_with_processes(
    settings: Settings, host: str, port: int, *, count: int, worker: bool, health_port: int | None
) -> None:
    from vault.server.processes import Processes, bind

    if settings.sqlite_path is not None:
        raise StartRefused(
            "SQLite is used by one process at a time. For --processes set VAULT_DATABASE_URL to a PostgreSQL database."
        )
    options = ["--host", host, "--port", str(port), *([] if worker else ["--no-worker"])]
    with bind(host, port) as listening:
        asyncio.run(Processes(listening, options, health_port=health_port).run(count))


def _serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    worker: bool,
    health_port: int | None,
    inherited: int | None,
) -> None:
    from vault.server.asgi import Server, app_of
    from vault.server.asgi import serve as serve_app
    from vault.server.http_limits import server_config
    from vault.server.processes import end_with_parent

    listening = None if inherited is None else socket.socket(fileno=inherited)
    if listening is not None:
        end_with_parent()
    app = app_of(settings, worker=worker)
    config = server_config(app, host=host, port=port, stop_seconds=settings.stop_seconds)
    server = Server(config, app, drain_seconds=settings.drain_seconds)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve_app(app, server, listening=listening, health=health_port))


def _warn_of_other_port(settings: Settings, port: int) -> None:
    """Warn if links point to another port of this machine, unless a proxy listens there."""
    public_url = settings.public_url
    parts = split_url(public_url)
    if settings.trusted_proxies:
        return
    if port and is_loopback(parts.hostname) and (parts.port or {"https": 443}.get(parts.scheme, 80)) != port:
        structured_log.Log(__name__).warning(
            "serve.other_port",
            port=port,
            reason=f"VAULT_PUBLIC_URL is {public_url}, so links and webhook URLs do not point to --port {port}.",
        )


@app.command("worker")
def run_worker(
    health_host: Annotated[str, typer.Option(help="Address for --health-port.")] = "127.0.0.1",
    health_port: Annotated[
        int | None,
        typer.Option(help="Serve /healthz, /readyz and /metrics on this port.", min=0, max=65535),
    ] = None,
) -> None:
    """Fetch, encrypt and describe recordings, without serving requests; for more nodes on PostgreSQL."""
    from vault.server.http_limits import check_address, loop_factory
    from vault.server.worker_process import work_until_stopped

    settings = _settings()
    if health_port is not None:
        check_address(health_host, health_port, options="--health-port or --health-host")
    _keep_large_blocks()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(work_until_stopped(settings, host=health_host, port=health_port))


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What the key is for; names need not be unique.")],
    scopes: Annotated[str, typer.Option(help=f"Comma-separated: {', '.join(SCOPES)}.")],
    account: Annotated[str | None, typer.Option(help="Only for this account; default: all accounts.")] = None,
) -> None:
    """Create an API key and print only the key on standard output. Initializes an empty data directory."""
    settings = _settings()
    arguments = {"name": name, "scopes": [scope.strip() for scope in scopes.split(",")], "account": account}
    typer.echo(operate(settings, "keys.create", arguments))


@rules.command("show")
def show_rules(
    place: Annotated[
        str | None, typer.Argument(help="A country (FR), a state (US-WA), or * for unknown places.")
    ] = None,
) -> None:
    """Show the rule for recording a call at a place; without a place, list all rules."""
    from vault.composition.adapters import rule_book

    book = rule_book()
    if place is None:
        for rule in (book.unknown, *book.rules.values()):
            typer.echo(f"{rule.place:<6} {rule.consent:<7} {rule.confidence:<10} {rule.name}")
        typer.echo(f"Rule book {book.version}. This is not legal advice.")
        return
    asked = read_place(place)
    rule = book.of(asked)
    if asked not in {*book.rules, UNKNOWN}:
        applied = (
            f"that of {rule.place} applies" if rule.place in book.rules else "the strict default applies"
        )
        typer.echo(f"The rule book has no row for {asked}, so {applied}.")
    typer.echo(explain(rule))
    if rule.note:
        typer.echo(f"Note: {rule.note}")
    typer.echo(f"Rule book {book.version}.")


@app.command("export-key")
def export_key(recording: Annotated[str, typer.Argument(help="The recording's id: rec_...")]) -> None:
    """Print the key of a recording as JSON, for decryption with the official AWS Encryption SDK. It is logged."""
    typer.echo(json.dumps(operate(_settings(), "export-key", {"recording": recording}), indent=2))


app.command("verify-log")(verify)
app.add_typer(accounts, name="accounts")
app.add_typer(requests, name="requests")
app.add_typer(approvals, name="approvals")
app.add_typer(sign_in, name="sign-in")
app.command("verify-receipt")(verify_receipt_file)
app.command()(verify_removal)
for command in (move_account, move_receipt, verify_move, rotate, backup, restore, fsck, rewrite_store):
    app.command()(command)


@app.command()
def sweep() -> None:
    """Delete orphans older than a day, and the rest of accounts that moved. The worker does it every hour."""
    typer.echo(f"{operate(_settings(), 'sweep', {})} removed.")


@app.command()
def demo(
    host: Annotated[str, typer.Option(help="Address to listen on; in a container, 0.0.0.0.")] = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    *,
    once: Annotated[bool, typer.Option(help="Exit after printing the link.")] = False,
) -> None:
    """Send a bundled call through the whole vault, print a link to play it, and keep serving."""
    from vault.cli.demo import run_demo

    _keep_large_blocks()
    run_demo(host=host, port=port, once=once)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with the value alone
    if wanted:
        typer.echo(f"callvault {build_version()}")
        raise typer.Exit


@app.callback(help=_ABOUT)
def options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Handle the options before the command."""


def _settings(port: int = DEFAULT_PORT) -> Settings:
    settings = read_settings(os.environ, port=port)
    structured_log.set_up(settings.log_level)
    return settings


def _keep_large_blocks() -> None:
    """Tell glibc to keep large freed blocks: returning and re-requesting one costs more than decrypting into it."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 32 * _MEBIBYTE)
        libc.mallopt(_M_TRIM_THRESHOLD, 64 * _MEBIBYTE)
    except (OSError, AttributeError):
        return  # Not glibc.


def main() -> None:
    """Run the command; expected errors are printed as one sentence that says what to do."""
    # The image's entry point is this command, but users often write its name after the image's name.
    if sys.argv[1:2] == ["callvault"]:
        del sys.argv[1]
    try:
        app(prog_name="callvault")
    except StartRefused as error:
        sys.stderr.write(f"callvault does not start: {error}\n")
        sys.exit(2)
    except VaultError as error:
        sys.stderr.write(f"callvault: {error}\n")
        sys.exit(1)
