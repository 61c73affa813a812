"""Where the settings keep data and keys, for the record of processing."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from vault.domain.registers.places import Certainty, Place, PlacePart
from vault.errors import StartRefused
from vault.keyservice.location import FileLocation, KmsLocation, is_amazons
from vault.keyservice.location import parse_location as parse_root_key
from vault.objects.location import BucketPlace, S3Location
from vault.objects.location import parse_location as parse_objects
from vault.settings import Settings

#: arn:aws:kms:<region>:<account>:key/<id>
_ARN_PARTS, _ARN_REGION = 6, 3
_WORDS: Mapping[PlacePart, str] = {
    "object_store": "object store",
    "database": "database",
    "root_key": "root key",
}


def places_of(settings: Settings, bucket: BucketPlace | None = None) -> Sequence[Place]:
    """Return where the settings keep data and keys, without names of buckets and keys; ``bucket``: what S3 said."""
    return (_objects(settings, bucket), _database(settings), _root_key(settings))


def places_in_region(settings: Settings, bucket: BucketPlace) -> Sequence[Place]:
    """Return the places. Raises StartRefused if one is outside the region that the operator set."""
    places = places_of(settings, bucket)
    region = settings.region
    found = None if region is None else region.contradicted_by(places)
    if region is not None and found is not None:
        raise StartRefused(
            f"VAULT_REGION is {region.name}, but the {_WORDS[found.part]} is in {found.region}, which is none of "
            f"{', '.join(sorted(region.places))}. Correct the setting that names it, or VAULT_REGION_PLACES."
        )
    return places


def _objects(settings: Settings, bucket: BucketPlace | None) -> Place:
    location = parse_objects(settings.objects_url, plain_http=settings.plain_http_allow)
    if isinstance(location, S3Location):
        found = bucket or BucketPlace()
        return Place(
            part="object_store",
            kind="s3",
            host=_host(location.endpoint_url),
            region=found.region or location.region,
            region_is=_certainty(
                found.region or location.region, proved=found.is_amazon and found.region is not None
            ),
            lock_days=location.lock_days,
        )
    return Place(part="object_store", kind="directory")


def _database(settings: Settings) -> Place:
    if settings.sqlite_path is not None:
        return Place(part="database", kind="sqlite")
    region = settings.database_region
    return Place(
        part="database", kind="postgresql", host=_host(settings.database_url),
        region=region, region_is=_certainty(region, proved=False),
    )  # fmt: skip


def _root_key(settings: Settings) -> Place:
    location = parse_root_key(settings.root_key_url, plain_http=settings.plain_http_allow)
    if isinstance(location, FileLocation):
        return Place(part="root_key", kind="file")
    if isinstance(location, KmsLocation):
        region = _arn_region(location.key_id) or location.region
        # KMS opens a key in its own region alone, and the vault starts only if this one opens its proof.
        certainty = _certainty(region, proved=region is not None and is_amazons(location))
        host = _host(location.endpoint_url)
        return Place(part="root_key", kind="aws-kms", host=host, region=region, region_is=certainty)
    return Place(part="root_key", kind="openbao", host=location.host)


def _certainty(region: str | None, *, proved: bool) -> Certainty | None:
    if region is None:
        return None
    return "proved" if proved else "declared"


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
