"""Where the settings keep data and keys, for the record of processing."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from vault.domain.registers.processing_record import Place
from vault.keyservice.location import FileLocation, KmsLocation
from vault.keyservice.location import parse_location as parse_root_key
from vault.objects.location import S3Location
from vault.objects.location import parse_location as parse_objects
from vault.settings import Settings

#: arn:aws:kms:<region>:<account>:key/<id>
_ARN_PARTS, _ARN_REGION = 6, 3


def places_of(settings: Settings) -> Sequence[Place]:
    """Return where the settings keep data and keys, without names of buckets and keys."""
    return (_objects(settings), _database(settings), _root_key(settings))


def _objects(settings: Settings) -> Place:
    location = parse_objects(settings.objects_url, plain_http=settings.plain_http_allow)
    if isinstance(location, S3Location):
        return Place(
            part="object_store",
            kind="s3",
            host=_host(location.endpoint_url),
            region=location.region,
            lock_days=location.lock_days,
        )
    return Place(part="object_store", kind="directory")


def _database(settings: Settings) -> Place:
    if settings.sqlite_path is not None:
        return Place(part="database", kind="sqlite")
    return Place(part="database", kind="postgresql", host=_host(settings.database_url))


def _root_key(settings: Settings) -> Place:
    location = parse_root_key(settings.root_key_url, plain_http=settings.plain_http_allow)
    if isinstance(location, FileLocation):
        return Place(part="root_key", kind="file")
    if isinstance(location, KmsLocation):
        region = location.region or _arn_region(location.key_id)
        return Place(part="root_key", kind="aws-kms", host=_host(location.endpoint_url), region=region)
    return Place(part="root_key", kind="openbao", host=location.host)


def _arn_region(key_id: str) -> str | None:
    parts = key_id.split(":")
    return parts[_ARN_REGION] if len(parts) == _ARN_PARTS else None


def _host(url: str | None) -> str | None:
    """Return the host without port and credentials. A PostgreSQL URL with several hosts has no single one."""
    if url is None:
        return None
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
