"""Settings, read once from the environment into a frozen dataclass.

Every variable begins with ``VAULT_``. An unknown one is refused, so that a typo is not silently ignored.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vault.domain.accounts.limits import LIMIT_NAMES, MAX_LIMIT, AccountLimits
from vault.domain.public_urls import CELL
from vault.domain.registers.places import Region
from vault.domain.sign_in.relying_party import RelyingParty
from vault.errors import Invalid, StartRefused
from vault.setting_urls import docs_url_of, public_url_of, tracing_url_of

_KNOWN = {
    "VAULT_DATA_DIR", "VAULT_DATABASE_URL", "VAULT_OBJECTS_URL", "VAULT_ROOT_KEY_URL", "VAULT_PUBLIC_URL",
    "VAULT_TRUSTED_PROXIES", "VAULT_MEDIA_ALLOW", "VAULT_LOG_LEVEL", "VAULT_WORKERS", "VAULT_DESCRIBERS",
    "VAULT_DRAIN_SECONDS", "VAULT_STOP_SECONDS", "VAULT_TRACING_URL",
    "VAULT_PREVIOUS_ROOT_KEY_URL", "VAULT_OWN_KEYS_URL", "VAULT_REFERENCE", "VAULT_PLAIN_HTTP_ALLOW",
    "VAULT_ANCHOR_SECONDS", "VAULT_KEY_CACHE_SECONDS", "VAULT_KEY_CACHE_SIZE",
    "VAULT_ACCOUNT_LIMITS", "VAULT_ACCOUNT_LIMITS_MAX", "VAULT_QUEUE",
    "VAULT_SCAN_OBJECTS", "VAULT_DATABASE_POOL", "VAULT_SIEM_URL", "VAULT_PASSKEY_DOMAIN", "VAULT_SMTP_URL",
    "VAULT_CELL", "VAULT_REGION", "VAULT_DOCS_URL",
    "VAULT_REGION_PLACES", "VAULT_DATABASE_REGION",
}  # fmt: skip
_HOST_AND_PORT = re.compile(r"(?:[A-Za-z0-9_.-]{1,253}+|\[[0-9A-Fa-f:.]{2,45}+\]):[1-9][0-9]{0,4}")
_MAX_COUNT = 64
_LABEL = re.compile(r"[a-z][a-z0-9-]{0,31}")
_DIGITS = re.compile(r"[0-9]{1,9}")
_LIMIT = re.compile(r"[0-9]{1,13}")
#: An account at these rates would be larger than most whole vaults.
_ACCOUNT_LIMITS = AccountLimits(requests_per_second=50, bytes_in_flight=1024**3, queue=100_000)
DEFAULT_PORT = 8000
DEFAULT_PUBLIC_URL = f"http://127.0.0.1:{DEFAULT_PORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of an operator."""

    #: Directory of the control socket and, by default, of the database, the objects and the root key.
    data_dir: Path
    #: ``sqlite`` for the file in the data directory, or ``postgresql://...``.
    database_url: str
    #: Connections that a process keeps to PostgreSQL.
    database_pool: int
    #: ``file:///path`` or ``s3://bucket/prefix?endpoint_url=&region=``.
    objects_url: str
    #: ``file:///path``, ``aws-kms://key?endpoint_url=&region=`` or ``openbao://host:port/mount/key?token_file=&ca=``.
    root_key_url: str
    #: The root key to migrate from; None unless a root key migration is in progress.
    previous_root_key_url: str | None
    #: ``aws-kms://?endpoint_url=`` where accounts may use customer-managed keys; None where they may not.
    own_keys_url: str | None
    #: The vault's public base URL; links and webhook URLs begin with it.
    public_url: str
    #: Where the operator serves the built documentation, without a slash at its end; None where it is served nowhere.
    docs_url: str | None
    #: The label of this vault as one of several cells, such as ``eu1``; None for a vault that is the only one.
    cell: str | None
    #: Where data and keys must be, as the operator promises, and where the operator says that the database is.
    region: Region | None
    database_region: str | None
    #: The domain of passkeys; None: the host of the public URL.
    passkey_domain: str | None
    #: Proxies whose X-Forwarded-For is trusted.
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    #: ``host:port`` entries that the fetcher may reach even if private, and over http.
    media_allow: tuple[str, ...]
    #: ``host:port`` entries of key services and object stores that may be reached over plain http.
    plain_http_allow: tuple[str, ...]
    log_level: str
    #: How many recordings a process brings in concurrently, from the fetch to the gate.
    workers: int
    #: How many of them are decoded concurrently, each in a process of its own.
    describers: int
    #: Seconds for which a stopping server still accepts requests, while /readyz answers 503.
    drain_seconds: int
    #: Seconds after that in which requests in flight may finish.
    stop_seconds: int
    #: Seconds between two anchors of the access log while it grows.
    anchor_seconds: int
    #: Seconds for which a node works on without the key service.
    key_cache_seconds: int
    #: How many unwrapped account keys a node keeps in memory.
    key_cache_size: int
    #: The limits of an account for which no admin has set others, and the highest ones that an admin can set.
    account_limits: AccountLimits
    account_limits_max: AccountLimits
    #: Max recordings of all accounts that wait for a worker; at that number new ones are refused.
    max_queue: int
    #: How many objects the hourly sweep compares with their rows, to find those that nobody noted.
    scan_objects: int
    #: ``tls://host:port?format=&ca=&certificate=&key=`` of a collector for the access log; None sends it nowhere.
    siem_url: str | None
    #: ``smtp://user@host:port?from=&password_file=&ca=`` of a mail server, or ``smtps://``; None: no mail is sent.
    smtp_url: str | None
    #: URL to send spans to (OTLP over HTTP); None turns tracing off.
    tracing_url: str | None
    #: Whether the OpenAPI document is served, at /openapi.json and /reference.
    reference: bool

    @property
    def sqlite_path(self) -> Path | None:
        """Return the path of the SQLite file; None on PostgreSQL."""
        return self.data_dir / "vault.db" if self.database_url == "sqlite" else None

    @property
    def control_socket(self) -> Path:
        """Return the path of the Unix socket on which a running server takes commands."""
        return self.data_dir / "control.sock"


def read_settings(environment: Mapping[str, str], *, port: int = DEFAULT_PORT) -> Settings:
    """Read the settings from the environment; ``port`` is the listening port in the default public URL.

    An empty variable counts as unset, because Compose sets empty ones. Raises StartRefused, naming the variable.
    """
    unknown = sorted(name for name in environment if name.startswith("VAULT_") and name not in _KNOWN)
    if unknown:
        raise StartRefused(
            f"These settings are unknown: {', '.join(unknown)}. Known: {', '.join(sorted(_KNOWN))}."
        )
    environment = {name: value for name, value in environment.items() if value}
    data_dir = Path(environment.get("VAULT_DATA_DIR", "./var")).absolute()
    here, own_url = quote(str(data_dir)), f"http://127.0.0.1:{port or DEFAULT_PORT}"
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(environment.get("VAULT_DATABASE_URL", "sqlite")),
        database_pool=_integer(environment, "VAULT_DATABASE_POOL", 35, 10, 1000),
        objects_url=environment.get("VAULT_OBJECTS_URL", f"file://{here}/objects"),
        root_key_url=environment.get("VAULT_ROOT_KEY_URL", f"file://{here}/root.key"),
        previous_root_key_url=environment.get("VAULT_PREVIOUS_ROOT_KEY_URL"),
        own_keys_url=environment.get("VAULT_OWN_KEYS_URL"),
        trusted_proxies=_networks(environment.get("VAULT_TRUSTED_PROXIES", "")),
        media_allow=_list(environment.get("VAULT_MEDIA_ALLOW", "")),
        plain_http_allow=_hosts(environment.get("VAULT_PLAIN_HTTP_ALLOW", "")),
        log_level=_level(environment.get("VAULT_LOG_LEVEL", "INFO")),
        workers=_integer(environment, "VAULT_WORKERS", 4, 1, _MAX_COUNT),
        describers=_integer(environment, "VAULT_DESCRIBERS", _cores(), 1, _MAX_COUNT),
        drain_seconds=_integer(environment, "VAULT_DRAIN_SECONDS", 0, 0, 300),
        stop_seconds=_integer(environment, "VAULT_STOP_SECONDS", 10, 0, 300),
        anchor_seconds=_integer(environment, "VAULT_ANCHOR_SECONDS", 2, 0, 300),
        key_cache_seconds=_integer(environment, "VAULT_KEY_CACHE_SECONDS", 300, 60, 3600),
        key_cache_size=_integer(environment, "VAULT_KEY_CACHE_SIZE", 10_000, 100, 1_000_000),
        **(_site(environment, own_url) | _labels(environment) | _account_limits(environment)),
        max_queue=_integer(environment, "VAULT_QUEUE", 1_000_000, 1, 999_999_999),
        scan_objects=_integer(environment, "VAULT_SCAN_OBJECTS", 50_000, 0, 100_000_000),
        siem_url=environment.get("VAULT_SIEM_URL"),
        smtp_url=environment.get("VAULT_SMTP_URL"),
        tracing_url=tracing_url_of(environment.get("VAULT_TRACING_URL")),
        reference=_reference(environment.get("VAULT_REFERENCE", "on")),
    )


def _database_url(value: str) -> str:
    if value == "sqlite" or value.startswith("postgresql://"):
        return value
    raise StartRefused("VAULT_DATABASE_URL must be `sqlite` or begin with postgresql://.")


def _site(environment: Mapping[str, str], own_url: str) -> dict[str, Any]:
    """Return the public URL, the domain of passkeys, which must fit it, and where the documentation is."""
    public_url = public_url_of(environment.get("VAULT_PUBLIC_URL", own_url))
    docs_url = docs_url_of(environment.get("VAULT_DOCS_URL"))
    domain = environment.get("VAULT_PASSKEY_DOMAIN")
    try:
        RelyingParty.of(public_url, domain)
    except Invalid as error:
        raise StartRefused(f"VAULT_PASSKEY_DOMAIN is {domain}. {error}") from error
    return {"public_url": public_url, "docs_url": docs_url, "passkey_domain": domain}


def _label(environment: Mapping[str, str], name: str, form: re.Pattern[str], example: str) -> str | None:
    value = environment.get(name)
    if value is not None and not form.fullmatch(value):
        raise StartRefused(f"{name} must be a label such as {example}.")
    return value


def _labels(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the labels that are kept for ever: of the cell, of the region, and of the database's region."""
    name = _label(environment, "VAULT_REGION", _LABEL, "eu")
    region = Region.of(name, _list(environment.get("VAULT_REGION_PLACES", "")))
    database = _label(environment, "VAULT_DATABASE_REGION", _LABEL, "eu-central-1")
    return {
        "cell": _label(environment, "VAULT_CELL", CELL, "eu1"),
        "region": region,
        "database_region": database,
    }


def _networks(value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(item) for item in _list(value))
    except ValueError as error:
        raise StartRefused(
            "VAULT_TRUSTED_PROXIES must be a comma-separated list of networks such as 10.0.0.0/8."
        ) from error


def _hosts(value: str) -> tuple[str, ...]:
    hosts = _list(value)
    if not all(_HOST_AND_PORT.fullmatch(host) for host in hosts):
        raise StartRefused(
            "VAULT_PLAIN_HTTP_ALLOW must be a comma-separated list of host:port such as minio:9000."
        )
    return hosts


def _level(value: str) -> str:
    if value not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise StartRefused("VAULT_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
    return value


def _cores() -> int:
    """Return the number of cores that this process may use, at most _MAX_COUNT."""
    return min(len(os.sched_getaffinity(0)), _MAX_COUNT)


def _integer(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    number = _number(environment.get(name, str(default)))
    if number is None or not least <= number <= most:
        raise StartRefused(f"{name} must be an integer from {least} to {most}.")
    return number


def _account_limits(environment: Mapping[str, str]) -> dict[str, AccountLimits]:
    """Read the default limits and the ceiling; the default ceiling is ten times the limits."""
    limits = _limits("VAULT_ACCOUNT_LIMITS", environment.get("VAULT_ACCOUNT_LIMITS", ""), _ACCOUNT_LIMITS)
    tenfold = {name: min(10 * getattr(limits, name), MAX_LIMIT) for name in LIMIT_NAMES}
    ceiling = environment.get("VAULT_ACCOUNT_LIMITS_MAX", "")
    highest = _limits("VAULT_ACCOUNT_LIMITS_MAX", ceiling, AccountLimits(**tenfold))
    if low := [name for name in LIMIT_NAMES if getattr(highest, name) < getattr(limits, name)]:
        raise StartRefused(f"VAULT_ACCOUNT_LIMITS_MAX is lower than VAULT_ACCOUNT_LIMITS: {', '.join(low)}.")
    return {"account_limits": limits, "account_limits_max": highest}


def _limits(setting: str, value: str, default: AccountLimits) -> AccountLimits:
    given: dict[str, int] = {}
    for item in _list(value):
        name, _, number = item.partition("=")
        if name not in LIMIT_NAMES or not _LIMIT.fullmatch(number) or not 1 <= int(number) <= MAX_LIMIT:
            raise StartRefused(
                f"{setting} must be a comma-separated list of name=number such as requests_per_second=50, with "
                f"numbers from 1 to {MAX_LIMIT}. Names: {', '.join(LIMIT_NAMES)}."
            )
        given[name] = int(number)
    return replace(default, **given)


def _number(value: str) -> int | None:
    """Parse decimal digits; None for anything else, and for more than 9 digits."""
    return int(value) if _DIGITS.fullmatch(value) else None


def _reference(value: str) -> bool:
    if value not in {"on", "off"}:
        raise StartRefused("VAULT_REFERENCE must be `on` or `off`.")
    return value == "on"


def _list(value: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())
