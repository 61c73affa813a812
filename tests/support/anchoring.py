"""Anchors of a database in an object store, without the rest of a vault."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from tests.support.service_house import SIGNER
from vault.database.interface import Database
from vault.ports.objects import ObjectStore
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.publication import Publication
from vault.services.audit_log.published_tiles import PublishedLog
from vault.tlog.note import Signer


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def anchor_of(
    database: Database,
    objects: ObjectStore,
    *,
    signer: Signer = SIGNER,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    kind: type[Anchor] = Anchor,
    log: type[PublishedLog] = PublishedLog,
) -> Anchor:
    """Return what a process of this database anchors with."""
    published_log = log(database=database, objects=objects, signer=signer)
    publication = Publication(database=database, objects=objects, published_log=published_log, clock=utc_now)
    return kind(
        database=database,
        objects=objects,
        signer=signer,
        clock=utc_now,
        published_log=published_log,
        publication=publication,
        sleep=sleep,
    )
