"""Which root key a URL names: ``file:///path`` or ``aws-kms://<key>?endpoint_url=&region=``.

Credentials are never part of the URL. Messages name the part that is wrong and never repeat the URL.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from vault.errors import StartRefused
from vault.keyservice import aws_kms, local_file
from vault.ports.keys import RootKey
from vault.threads import Threads

#: Connections of one KMS client; misses of the key ring are rare.
CONNECTIONS = 8

_EXAMPLE = (
    "VAULT_ROOT_KEY_URL is file:///path or aws-kms://<key id, ARN or alias/name>"
    "?endpoint_url=https://host&region=name."
)


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


def parse_location(url: str) -> FileLocation | KmsLocation:
    """Take a URL apart. Raises StartRefused, naming what is wrong with it."""
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        path = Path(unquote(rest))
        if not path.is_absolute() or "?" in rest or "#" in rest:
            raise StartRefused("A file URL holds an absolute path and nothing else. " + _EXAMPLE)
        return FileLocation(path=path)
    if scheme == "aws-kms":
        return _kms(rest)
    raise StartRefused("The URL of the root key is of no known kind. " + _EXAMPLE)


def open_root_key(url: str, threads: Threads, *, create: bool = False) -> RootKey:
    """Open the root key that the URL names.

    With ``create`` a missing file is made: only for a data directory in which nothing is sealed yet.
    Raises StartRefused. Whether a KMS key answers is seen at its first use.
    """
    location = parse_location(url)
    if isinstance(location, FileLocation):
        if create and not location.path.exists():
            return local_file.create(location.path)
        return local_file.load(location.path)
    client = aws_kms.connect(
        endpoint_url=location.endpoint_url, region=location.region, connections=CONNECTIONS
    )
    return aws_kms.AwsKmsKey(client, location.key_id, threads)


def _kms(rest: str) -> KmsLocation:
    # Not urlsplit: an ARN has colons where a URL has its port.
    key_id, _, query = rest.partition("?")
    key_id = unquote(key_id)
    if not key_id or "@" in key_id or "#" in rest:
        raise StartRefused("The KMS URL names no key. " + _EXAMPLE)
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - {"endpoint_url", "region"}:
        raise StartRefused(f"The KMS URL has unknown options: {', '.join(sorted(unknown))}. " + _EXAMPLE)
    endpoint_url = options.get("endpoint_url") or None
    if endpoint_url is not None:
        endpoint = urlsplit(endpoint_url)
        if endpoint.scheme not in {"http", "https"} or not endpoint.hostname or "@" in endpoint.netloc:
            raise StartRefused("endpoint_url is an http or https URL without credentials. " + _EXAMPLE)
    return KmsLocation(key_id=key_id, endpoint_url=endpoint_url, region=options.get("region") or None)
