"""Parse PostgreSQL URLs of settings as libpq does, with one host or a list of hosts."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL
from sqlalchemy.engine import make_url

from vault.errors import StartRefused

_MAX_PORT = 65535
#: Valid values of ``target_session_attrs``: the vault writes, so standby values are invalid.
_TARGETS = {"any", "read-write", "primary"}


def engine_url(url: str) -> URL:
    """Return a single-host URL for SQLAlchemy: ``postgresql://`` means psycopg 3."""
    return make_url(url).set(drivername="postgresql+psycopg")


def connection_parameters(url: str) -> dict[str, str]:
    """Return the URL's parameters by libpq's names. For a list of hosts the default is a read-write session.

    Raises StartRefused, with no part of the URL, because it may contain a password.
    """
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        parameters.update(_hosts_of_query(url))
    except (psycopg.Error, ValueError) as error:
        raise StartRefused(
            "VAULT_DATABASE_URL is not a URL that libpq reads. Use postgresql://vault@db.example/vault, or with a "
            "list of hosts postgresql://vault@db1:5432,db2:5432/vault?target_session_attrs=read-write."
        ) from error
    hosts, ports = _list(parameters, "host") or _list(parameters, "hostaddr"), _list(parameters, "port")
    if len(ports) > 1 and len(ports) != len(hosts):
        raise StartRefused(
            f"VAULT_DATABASE_URL names {len(hosts) or 1} hosts and {len(ports)} ports. Give every host its port: "
            "postgresql://vault@db1:5432,db2:5432/vault."
        )
    if not all(_is_port(port) for port in ports if port):
        raise StartRefused("VAULT_DATABASE_URL has a port that is not a number from 1 to 65535.")
    if len(hosts) > 1:
        parameters.setdefault("target_session_attrs", "read-write")
    if parameters.get("target_session_attrs", "any") not in _TARGETS:
        raise StartRefused(
            "VAULT_DATABASE_URL has a target_session_attrs that is not read-write, primary or any."
        )
    return parameters


def described_host(url: str) -> str:
    """Return the hosts and ports of a PostgreSQL URL, without user and password. Raises StartRefused."""
    parameters = connection_parameters(url)
    hosts = _list(parameters, "host") or _list(parameters, "hostaddr") or ["its local socket"]
    ports = _list(parameters, "port") or ["5432"]
    if len(ports) < len(hosts):
        ports *= len(hosts)
    return ", ".join(f"{host} port {port or 5432}" for host, port in zip(hosts, ports, strict=False))


def _hosts_of_query(url: str) -> dict[str, str]:
    """Return the hosts of ``?host=h1:p1&host=h2:p2``, SQLAlchemy's form of a list: libpq reads only the last."""
    hosts = [value for name, value in parse_qsl(urlsplit(url).query) if name == "host"]
    pairs = [_host_and_port(host) for host in hosts]
    if len(hosts) < 2 and not any(port for _, port in pairs):  # noqa: PLR2004 - a single host is not a list
        return {}
    named = {"host": ",".join(host for host, _ in pairs)}
    return named | ({"port": ",".join(port for _, port in pairs)} if any(port for _, port in pairs) else {})


def _host_and_port(host: str) -> tuple[str, str]:
    name, colon, port = host.rpartition(":")
    if not colon or "," in host or host.startswith("/") or (":" in name and not name.endswith("]")):
        return host, ""
    return name.strip("[]"), port


def _list(parameters: Mapping[str, str], name: str) -> list[str]:
    value = parameters.get(name)
    return value.split(",") if value else []


def _is_port(value: str) -> bool:
    return value.isascii() and value.isdigit() and 1 <= int(value) <= _MAX_PORT
