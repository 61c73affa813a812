"""Parse the URL of the root key, and open the key that it names.

    file:///path
    aws-kms://<key id, ARN or alias/name>?endpoint_url=&region=
    openbao://host:port/mount/key?token_file=&ca=&namespace=&tls=off

Credentials are never part of the URL: boto3 finds those of KMS in its usual chain; OpenBao's token is the
content of ``token_file``, or else ``BAO_TOKEN``. Messages name the wrong part and never repeat the URL.
"""

import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import certifi
import httpcore

from vault.domain.urls import endpoint_of, is_amazon, refuse_plain_http
from vault.errors import StartRefused, Unavailable
from vault.keyservice import local_file, openbao
from vault.keyservice.own_keys import OwnKmsKeys
from vault.keyservice.plain_file import read_plain
from vault.keyservice.root_keys import Breaker, CheckedRootKey
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

#: Max connections to one key service; key ring misses are rare.
CONNECTIONS = 8
#: Seconds for which an idle connection is kept open: less than the idle timeout of usual load balancers.
_IDLE_TIMEOUT = 30.0
#: Max bytes read; larger than a system's complete CA bundle.
_CA_FILE_BYTES = 4 * 1024 * 1024
#: OpenBao's default port.
OPENBAO_PORT = 8200
#: OpenBao's own variable. HashiCorp's name begins with VAULT_, which is reserved for the vault's settings.
TOKEN_VARIABLE = "BAO_TOKEN"  # noqa: S105 - the name of a variable

_EXAMPLE = (
    "VAULT_ROOT_KEY_URL must be file:///path, aws-kms://<key id, ARN or alias/name>"
    "?endpoint_url=https://host&region=name or openbao://host:8200/transit/<key>?token_file=/path&ca=/path."
)
_OWN_EXAMPLE = "VAULT_OWN_KEYS_URL must be aws-kms:// or aws-kms://?endpoint_url=https://host, without a key."
#: One segment of OpenBao's paths. OpenBao allows more characters; the vault does not need them.
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLocation:
    """A root key file on this machine."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsLocation:
    """A key in AWS KMS."""

    #: Key id, ARN, ``alias/name`` or alias ARN.
    key_id: str
    endpoint_url: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBaoLocation:
    """A key in a transit engine."""

    host: str
    port: int
    #: The engine's path, such as ``transit``.
    mount: str
    #: The key's name in the engine.
    key: str
    #: A file with the token and nothing else; it may be replaced while the vault runs.
    token_file: Path | None = None
    #: PEM file of the only CAs to trust; None means the system's CAs and certifi's.
    ca: Path | None = None
    namespace: str | None = None
    #: False: plain HTTP, to a proxy on this machine or to a host that the operator allowed.
    tls: bool = True


Location = FileLocation | KmsLocation | OpenBaoLocation


def parse_location(url: str, *, plain_http: Sequence[str] = ()) -> Location:
    """Parse a URL; ``plain_http`` lists hosts allowed without TLS. Raises StartRefused, naming the wrong part."""
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        path = Path(unquote(rest))
        if not path.is_absolute() or "?" in rest or "#" in rest:
            raise StartRefused("A file URL must be an absolute path without query or fragment. " + _EXAMPLE)
        return FileLocation(path=path)
    if scheme == "aws-kms":
        return _kms(rest, plain_http)
    if scheme == "openbao":
        return _openbao(url, plain_http)
    raise StartRefused("The URL of the root key has an unknown scheme. " + _EXAMPLE)


def open_root_key(
    url: str, threads: Threads, *, create: bool = False, plain_http: Sequence[str] = ()
) -> Breaker:
    """Open the root key that the URL names, with a circuit breaker; the caller must close it.

    With ``create`` a missing file is created: only for a data directory in which nothing is sealed yet.
    Sends no request to a key service: an outage shows at its first use. Raises StartRefused.
    """
    location = parse_location(url, plain_http=plain_http)
    if isinstance(location, FileLocation):
        if create and not location.path.exists():
            return Breaker(local_file.create(location.path))
        return Breaker(local_file.load(location.path))
    if isinstance(location, OpenBaoLocation):
        bao = _open_openbao(location, threads)
        return Breaker(CheckedRootKey(bao), close=bao.close)
    from vault.keyservice import aws_kms

    client = aws_kms.connect(
        endpoint_url=location.endpoint_url, region=location.region, connections=CONNECTIONS
    )
    # boto3 also takes an endpoint from its own environment and profiles.
    refuse_plain_http(client.meta.endpoint_url, plain_http)
    kms = aws_kms.AwsKmsKey(client, location.key_id, threads)
    return Breaker(CheckedRootKey(kms), close=kms.close)


def is_amazons(location: KmsLocation) -> bool:
    """Return whether the key is in Amazon's KMS: boto3 also takes an address from its own environment and profiles."""
    from botocore.exceptions import BotoCoreError

    from vault.keyservice import aws_kms

    try:
        client = aws_kms.connect(endpoint_url=location.endpoint_url, region=location.region, connections=1)
    except BotoCoreError:
        return False  # It has no region: the start says so.
    client.close()
    return is_amazon(client.meta.endpoint_url)


def open_own_keys(url: str | None, threads: Threads, *, plain_http: Sequence[str] = ()) -> OwnKmsKeys:
    """Return access to customer-managed keys; without a URL, every use of one fails. The caller must close it.

    Raises StartRefused.
    """
    if url is None:
        return OwnKmsKeys(None, threads)
    place, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if place != "aws-kms://" or options.keys() - {"endpoint_url"}:
        raise StartRefused("The URL of the accounts' own keys is not valid. " + _OWN_EXAMPLE)
    endpoint_url = endpoint_of(options, _OWN_EXAMPLE, plain_http)
    from vault.keyservice import aws_kms

    def connect(region: str) -> "KMSClient":
        client = aws_kms.connect(endpoint_url=endpoint_url, region=region, connections=CONNECTIONS)
        try:
            refuse_plain_http(client.meta.endpoint_url, plain_http)
        except StartRefused as error:
            # Not StartRefused: boto3's settings are read at the first use of a region, when the server runs.
            client.close()
            raise Unavailable(str(error), retry_after=60, cause="keyservice") from error
        return client

    return OwnKmsKeys(connect, threads)


def _kms(rest: str, plain_http: Sequence[str]) -> KmsLocation:
    # Not urlsplit: it would parse the colons of an ARN as a port.
    key_id, _, query = rest.partition("?")
    key_id = unquote(key_id)
    if not key_id or "@" in key_id or "#" in rest:
        raise StartRefused("The KMS URL names no key. " + _EXAMPLE)
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - {"endpoint_url", "region"}:
        raise StartRefused(f"The KMS URL has unknown options: {', '.join(sorted(unknown))}. " + _EXAMPLE)
    return KmsLocation(
        key_id=key_id,
        endpoint_url=endpoint_of(options, _EXAMPLE, plain_http),
        region=options.get("region") or None,
    )


def _openbao(url: str, plain_http: Sequence[str]) -> OpenBaoLocation:
    host, port, parts = _address(url)
    *mount, key = parts.path.removeprefix("/").split("/")
    if not mount or not all(_SEGMENT.fullmatch(segment) for segment in (*mount, key)):
        raise StartRefused("The OpenBao URL names no mount and key, such as /transit/callvault. " + _EXAMPLE)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - {"token_file", "ca", "namespace", "tls"}:
        raise StartRefused(f"The OpenBao URL has unknown options: {', '.join(sorted(unknown))}. " + _EXAMPLE)
    tls = options.get("tls", "on")
    if tls not in {"on", "off"}:
        raise StartRefused("tls must be on or off. " + _EXAMPLE)
    if tls == "off":
        refuse_plain_http(f"http://{_authority(host, port)}", plain_http)
    namespace = options.get("namespace") or None
    if namespace is not None and not all(map(_SEGMENT.fullmatch, namespace.strip("/").split("/"))):
        raise StartRefused("namespace must be an OpenBao path, such as team/phones. " + _EXAMPLE)
    return OpenBaoLocation(
        host=host,
        port=port,
        mount="/".join(mount),
        key=key,
        token_file=_absolute_path(options, "token_file"),
        ca=_absolute_path(options, "ca"),
        namespace=namespace,
        tls=tls == "on",
    )


def _address(url: str) -> tuple[str, int, SplitResult]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or not host.isascii() or "@" in parts.netloc or "#" in url:
        raise StartRefused("The OpenBao URL names no host, or more than host and port. " + _EXAMPLE)
    return host, port or OPENBAO_PORT, parts


def _absolute_path(options: dict[str, str], name: str) -> Path | None:
    if not options.get(name):
        return None
    path = Path(options[name])
    if not path.is_absolute():
        raise StartRefused("token_file and ca must be absolute paths. " + _EXAMPLE)
    return path


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _open_openbao(location: OpenBaoLocation, threads: Threads) -> openbao.OpenBaoKey:
    token_file, token = location.token_file, os.environ.get(TOKEN_VARIABLE)
    if token_file is None and not token and location.tls:
        raise StartRefused(
            "The vault has no token for OpenBao. Name a file that holds one with token_file= in "
            f"VAULT_ROOT_KEY_URL, or set {TOKEN_VARIABLE}."
        )
    pool = httpcore.AsyncConnectionPool(
        ssl_context=_tls_context(location), max_connections=CONNECTIONS, keepalive_expiry=_IDLE_TIMEOUT
    )
    return openbao.OpenBaoKey(
        pool,
        httpcore.URL(
            scheme="https" if location.tls else "http", host=location.host, port=location.port, target="/"
        ),
        mount=location.mount,
        key=location.key,
        namespace=location.namespace,
        token=(lambda: token) if token_file is None else (lambda: openbao.token_in(token_file)),
        threads=threads,
    )


def _tls_context(location: OpenBaoLocation) -> ssl.SSLContext:
    """Return the TLS context with the CAs to trust for OpenBao."""
    if location.ca is None:
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return context
    try:
        # Not cafile=: a FIFO or device at that path must not block the start.
        return ssl.create_default_context(cadata=read_plain(location.ca, _CA_FILE_BYTES).decode("ascii"))
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors.
        raise StartRefused(
            "The file of authorities that ca= names cannot be read as PEM; correct VAULT_ROOT_KEY_URL."
        ) from error
