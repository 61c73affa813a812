"""The commands ``callvault cells nginx`` and ``… haproxy``: the configuration of a router before several cells.

A router needs no database and no look-up: the label of a cell is in the path, in the caller's key or in the cookie of
the console (``domain.public_urls``). What has no label, or one that the file does not name, is 404: no request is tried
at several cells.
"""

import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vault.cli.router_texts import Cell, Router, haproxy_of, nginx_of
from vault.domain.public_urls import CELL
from vault.domain.urls import split_url
from vault.errors import Invalid

cells = typer.Typer(
    help="Print the configuration of a proxy in front of several vaults.", no_args_is_help=True
)
_EXAMPLE: Final = """
    host = "vault.example.com"
    certificate = "/etc/ssl/vault.pem"
    certificate_key = "/etc/ssl/vault.key"
    [cells]
    eu1 = ["http://10.1.0.5:8000", "http://10.1.0.6:8000"]
    us1 = ["https://us1.example.com"]
"""
_FIELDS: Final = {"host", "certificate", "certificate_key", "unlabelled", "cells"}
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")
_PATH: Final = re.compile(r"/[A-Za-z0-9._/-]{1,250}")
File = Annotated[Path, typer.Argument(help="A TOML file of cells, such as docs/cells.md shows.")]


@cells.command()
def nginx(file: File) -> None:
    """Print the configuration for nginx; it belongs into its http block.

    callvault cells nginx cells.toml > /etc/nginx/conf.d/callvault-cells.conf
    """
    _print(file, nginx_of)


@cells.command()
def haproxy(file: File) -> None:
    """Print the configuration for haproxy.

    callvault cells haproxy cells.toml > /etc/haproxy/haproxy.cfg
    """
    _print(file, haproxy_of)


def _print(file: Path, text_of: Callable[[Router], str]) -> None:
    sys.stdout.write(text_of(read_cells(file)))


def read_cells(file: Path) -> Router:
    """Read a file of cells. Raises Invalid, naming the wrong part."""
    try:
        content = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"The file of cells cannot be read as TOML: {error}. Example:{_EXAMPLE}") from error
    if unknown := sorted(content.keys() - _FIELDS):
        raise Invalid(f"The file of cells has unknown names: {', '.join(unknown)}. Example:{_EXAMPLE}")
    named = content.get("cells")
    if not isinstance(named, dict) or not named:
        raise Invalid(f"The file names no cells. Example:{_EXAMPLE}")
    unlabelled = content.get("unlabelled")
    if unlabelled is not None and unlabelled not in named:
        raise Invalid("unlabelled must be one of the cells: the one from before there were several.")
    return Router(
        host=_text(content, "host", _HOST),
        certificate=_text(content, "certificate", _PATH),
        certificate_key=_text(content, "certificate_key", _PATH),
        cells=[_cell(label, nodes) for label, nodes in named.items()],
        unlabelled=unlabelled,
    )


def _text(content: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = content.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise Invalid(f"{name} in the file of cells is missing or not valid. Example:{_EXAMPLE}")
    return value


def _cell(label: str, nodes: object) -> Cell:
    if not CELL.fullmatch(label):
        raise Invalid(f"{label} is no label of a cell: it must be that cell's VAULT_CELL.")
    if not isinstance(nodes, list) or not nodes:
        raise Invalid(f"{label} in the file of cells has no list of nodes. Example:{_EXAMPLE}")
    return Cell(label=label, nodes=[_node(label, node) for node in nodes], secure=_is_secure(label, nodes))


def _is_secure(label: str, nodes: Sequence[object]) -> bool:
    schemes = {split_url(str(node)).scheme for node in nodes}
    if len(schemes) > 1:
        raise Invalid(f"The nodes of {label} must all be https, or all http.")
    return schemes == {"https"}


def _node(label: str, node: object) -> str:
    """Return host and port. Raises Invalid."""
    parts = split_url(node if isinstance(node, str) else "")
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (KeyError, ValueError):
        port = 0
    if not port or not _HOST.fullmatch(parts.hostname or "") or parts.path.strip("/") or "@" in parts.netloc:
        raise Invalid(f"A node of {label} must be an http or https URL with a host alone. Example:{_EXAMPLE}")
    return f"{parts.hostname}:{port}"
