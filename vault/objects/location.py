"""Parse an object store's URL: ``file:///path`` or ``s3://bucket/prefix?endpoint_url=&region=&lock_days=``.

Credentials are never part of the URL; boto3's usual chain finds them (environment, profile, role).
Messages name the wrong part and never repeat the URL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import SplitResult, parse_qsl, unquote

from vault.circuit_breaker import CircuitBreaker
from vault.domain.urls import endpoint_of, refuse_plain_http, split_url
from vault.errors import NotFound, StartRefused, Unavailable
from vault.objects.directory import DirectoryStore
from vault.objects.keys import check_prefix
from vault.ports.objects import ObjectStore
from vault.thread_pools import Threads

if TYPE_CHECKING:
    from vault.objects.s3 import S3Store

#: Max connections of one S3 client. With more threads than that, calls would wait for a connection.
CONNECTIONS = 32

#: A hundred years: more is a typing mistake that could not be undone.
MAX_LOCK_DAYS = 36_525

_EXAMPLE = (
    "VAULT_OBJECTS_URL must be file:///path or s3://bucket/prefix?endpoint_url=https://host&region=name."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryLocation:
    """A directory on this machine."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Location:
    """A prefix in a bucket."""

    bucket: str
    #: "" or ending in a slash.
    prefix: str
    endpoint_url: str | None = None
    region: str | None = None
    #: Days for which published objects of the access log cannot be deleted; 0 for no lock.
    lock_days: int = 0


def parse_location(url: str, *, plain_http: Sequence[str] = ()) -> DirectoryLocation | S3Location:
    """Parse a URL; ``plain_http`` lists hosts allowed without TLS. Raises StartRefused, naming the wrong part."""
    parts = split_url(url)
    if "@" in parts.netloc:
        raise StartRefused("The URL of the object store must not hold credentials. " + _EXAMPLE)
    if parts.fragment:
        raise StartRefused("The URL of the object store has a part after '#'. " + _EXAMPLE)
    if parts.scheme == "file":
        return _directory(parts)
    if parts.scheme == "s3":
        return _bucket(parts, plain_http)
    raise StartRefused("The URL of the object store has an unknown scheme. " + _EXAMPLE)


async def open_store(
    url: str, threads: Threads, *, plain_http: Sequence[str] = (), create: bool = True
) -> ObjectStore:
    """Open the store that the URL names; it works in ``threads``. Raises StartRefused, Unavailable.

    Without ``create`` a directory must exist.
    """
    location = parse_location(url, plain_http=plain_http)
    if isinstance(location, DirectoryLocation):
        if not create and not location.path.is_dir():
            raise StartRefused(
                f"There is no object store at {location.path}, so nothing was changed. Correct VAULT_OBJECTS_URL."
            )
        return DirectoryStore(location.path, threads)
    from vault.objects.s3 import S3Store
    from vault.objects.s3_client import connect

    client = connect(endpoint_url=location.endpoint_url, region=location.region, connections=CONNECTIONS)
    # boto3 also takes an endpoint from its own environment and profiles.
    refuse_plain_http(client.meta.endpoint_url, plain_http)
    lock = timedelta(days=location.lock_days) if location.lock_days else None
    store = S3Store(client, location.bucket, location.prefix, threads, lock=lock)
    if lock is not None and not await store.locks.enabled():
        raise StartRefused(
            "lock_days needs a bucket with S3 Object Lock, and this one has none. Create a bucket with it, or "
            "remove lock_days; then any principal that may delete objects in the bucket may also delete the "
            "published access log."
        )
    return store


def breaker_of(store: ObjectStore) -> CircuitBreaker | None:
    """Return the circuit breaker of a store, without importing boto3 for a directory, which has none."""
    return cast("S3Store", store).calls.breaker if hasattr(store, "calls") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlace:
    """What a bucket's service says of its place."""

    #: None for a service that says none.
    region: str | None = None
    #: Whether the service is Amazon's: any other answers what its operator configured.
    is_amazon: bool = False


async def place_of(store: ObjectStore) -> BucketPlace:
    """Ask a bucket's service where it is. Nothing is known of a directory, or of a service that does not answer."""
    if not hasattr(store, "calls"):
        return BucketPlace()
    try:
        region, is_amazon = await cast("S3Store", store).place()
    except (NotFound, Unavailable):
        return BucketPlace()
    return BucketPlace(region=region, is_amazon=is_amazon)


def _directory(parts: SplitResult) -> DirectoryLocation:
    path = Path(unquote(parts.path))
    if parts.netloc or parts.query or not path.is_absolute():
        raise StartRefused("A file URL must be an absolute path without query or fragment. " + _EXAMPLE)
    return DirectoryLocation(path=path)


def _bucket(parts: SplitResult, plain_http: Sequence[str]) -> S3Location:
    if not parts.netloc:
        raise StartRefused("The S3 URL names no bucket. " + _EXAMPLE)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - {"endpoint_url", "region", "lock_days"}:
        raise StartRefused(f"The S3 URL has unknown options: {', '.join(sorted(unknown))}. " + _EXAMPLE)
    endpoint_url = endpoint_of(options, _EXAMPLE, plain_http)
    prefix = unquote(parts.path).strip("/")
    try:
        check_prefix(prefix)
    except ValueError:
        raise StartRefused(
            "The prefix in the S3 URL may have only letters, digits, '.', '_', '-', '=', '+', '@' and '/'."
        ) from None
    return S3Location(
        bucket=parts.netloc,
        prefix=prefix and prefix + "/",
        endpoint_url=endpoint_url,
        region=options.get("region") or None,
        lock_days=_lock_days(options.get("lock_days", "0")),
    )


def _lock_days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text[:6]) > MAX_LOCK_DAYS:
        raise StartRefused(
            f"lock_days in the S3 URL must be a number of days up to {MAX_LOCK_DAYS}. " + _EXAMPLE
        )
    return int(text)
