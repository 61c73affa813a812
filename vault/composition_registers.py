"""Build the registers, and say where the settings keep data and keys."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from vault.composition_parts import Adapters, Parts, build_recipient_entries
from vault.domain.registers.entries import AuthorityRequest, ProcessingProfile
from vault.domain.registers.places import Place
from vault.domain.registers.privacy_page import PageTexts, parse_page_texts
from vault.keyservice.location import FileLocation, KmsLocation
from vault.keyservice.location import parse_location as parse_root_key
from vault.objects.location import S3Location
from vault.objects.location import parse_location as parse_objects
from vault.services.registers.authority_requests import AuthorityRequests
from vault.services.registers.processing_records import ProcessingRecords
from vault.services.registers.recipients import Recipients
from vault.services.registers.sealed_entries import SealedEntries
from vault.settings import Settings
from vault.tracing import traced

#: arn:aws:kms:<region>:<account>:key/<id>
_ARN_PARTS, _ARN_REGION = 6, 3


@cache
def page_texts() -> Mapping[str, PageTexts]:
    """Return the packaged texts of the privacy page by language; read once."""
    files = sorted((Path(__file__).parent / "domain" / "privacy_texts").glob("*.toml"))
    parsed = [parse_page_texts(file.read_text("utf-8")) for file in files]
    return {texts.language: texts for texts in parsed}


def build_processing_records(settings: Settings, adapters: Adapters, parts: Parts) -> ProcessingRecords:
    """Build the record of processing."""
    entries: SealedEntries[ProcessingProfile] = SealedEntries(
        database=parts.database, ring=adapters.ring, register="processing_record"
    )
    return traced(ProcessingRecords)(
        database=parts.database,
        ring=adapters.ring,
        clock=adapters.clock,
        entries=entries,
        recipients=build_recipient_entries(adapters, parts),
        places=places_of(settings),
        page_texts=page_texts(),
    )


def build_recipients(adapters: Adapters, parts: Parts) -> Recipients:
    """Build the register of recipients."""
    return traced(Recipients)(entries=build_recipient_entries(adapters, parts), clock=adapters.clock)


def build_authority_requests(adapters: Adapters, parts: Parts) -> AuthorityRequests:
    """Build the register of requests of authorities."""
    entries: SealedEntries[AuthorityRequest] = SealedEntries(
        database=parts.database, ring=adapters.ring, register="authority_request"
    )
    return traced(AuthorityRequests)(entries=entries, place_hold=parts.place_hold, clock=adapters.clock)


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
