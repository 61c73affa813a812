"""Turning what a provider announced into a row: by webhook, or found in the provider's own list."""

from datetime import datetime

from vault.domain import encryption_context as bound
from vault.domain.account import Connection
from vault.domain.call import Announcement, CallFacts
from vault.domain.ids import new_id
from vault.domain.records import encode_announcement
from vault.ports.database import Announced, Database
from vault.ports.keys import KeyRing
from vault.ports.stores import NewRecording
from vault.sealing.message import seal


async def announce(
    database: Database,
    ring: KeyRing,
    connection: Connection,
    *,
    facts: CallFacts,
    announcement: Announcement,
    received_at: datetime,
) -> Announced:
    """Insert the recording, its URL and its call facts sealed; a repeated one stays as it is."""
    recording_id, key = new_id("rec"), await ring.current(connection.account_id)
    context = bound.of_announcement(connection.account_id, recording_id)
    return await database.announce(
        NewRecording(
            id=recording_id,
            account_id=connection.account_id,
            connection_id=connection.id,
            recording_ref=announcement.recording_ref,
            call_ref=facts.call_ref,
            received_at=received_at,
            call_started_at=facts.started_at,
            call_ended_at=facts.ended_at,
            sealed_announcement=seal(key.key, context, encode_announcement(announcement, facts)),
            key_version=key.version,
            kind=announcement.kind,
            voices=announcement.voices,
            source_ref=announcement.source_ref,
            source_policy=connection.source_policy,
        )
    )
