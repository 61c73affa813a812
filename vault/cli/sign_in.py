"""The commands ``sign-in``: operators sign in at a provider; list them, and remove one."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from vault import structured_log
from vault.cli.operator import operate
from vault.settings import read_settings

sign_in = typer.Typer(help="Let operators sign in at a provider.", no_args_is_help=True)


@sign_in.command("set")
def set_sign_in(
    *,
    issuer: Annotated[str, typer.Option(help="The provider's issuer, as its discovery document says it.")],
    client_id: Annotated[str, typer.Option(help="The vault's client at the provider.")],
    value: Annotated[list[str], typer.Option(help="Who has this value in the claim is an operator.")],
    claim: Annotated[str, typer.Option(help="The claim, with dots between the names.")] = "groups",
    scope: Annotated[list[str] | None, typer.Option(help="Scopes to ask for.")] = None,
    secret_file: Annotated[
        Path | None, typer.Option(help="A file with the client's secret; without it, the stored one stays.")
    ] = None,
    own_key: Annotated[
        bool, typer.Option("--own-key", help="The vault signs with a key of its own in place of a secret.")
    ] = False,
    id_: Annotated[
        str | None,
        typer.Option("--id", help="The id of a connection that was lost, from its redirect address."),
    ] = None,
) -> None:
    """Connect the operators' sign-in to a provider, or change the connection."""
    arguments = {
        "issuer": issuer,
        "client_id": client_id,
        "client_secret": None if secret_file is None else secret_file.read_text().strip(),
        "own_key": own_key,
        "scopes": scope or ["openid", "profile"],
        "claim": claim.split("."),
        "values": value,
        "id": id_,
    }
    _print(_run("sign-in.set", arguments))


@sign_in.command("show")
def show_sign_in() -> None:
    """Show the connection, without its secret."""
    _print(_run("sign-in.show", {}))


@sign_in.command("delete")
def delete_sign_in() -> None:
    """Delete the connection: who signed in by it may do nothing from the next request on."""
    _run("sign-in.delete", {})


@sign_in.command("people")
def list_people() -> None:
    """List who signed in as an operator, the newest first: id, state, last sign-in, name, subject."""
    for one in _run("sign-in.people", {})["people"]:
        shown = (one["id"], one["state"], one["last_at"], one["name"] or "-", one["subject"] or "-")
        typer.echo("  ".join(_printable(text) for text in shown))


@sign_in.command("remove")
def remove_person(person: Annotated[str, typer.Argument(help="The id of the person.")]) -> None:
    """Remove a person: all their sessions end, and they cannot sign in again."""
    _run("sign-in.remove", {"person": person})


@sign_in.command("readmit")
def readmit_person(person: Annotated[str, typer.Argument(help="The id of the person.")]) -> None:
    """Let a removed person sign in again."""
    _run("sign-in.readmit", {"person": person})


def _printable(text: str) -> str:
    """Return a text without control characters: a provider chose the name, and a terminal obeys them."""
    return "".join(one if one.isprintable() else "?" for one in text)


def _run(command: str, arguments: dict[str, Any]) -> Any:
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    return operate(settings, command, arguments)


def _print(shown: dict[str, str]) -> None:
    for name, value in shown.items():
        if value:
            typer.echo(f"{name:<12} {value}")
