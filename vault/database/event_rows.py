"""The outbox of access events."""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection as DbConnection
from sqlalchemy import insert, select

from vault.database.schema import access_events
from vault.domain.access_event import AccessEvent

_APPEND = insert(access_events)


class EventRows:
    """The access events of one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def append(self, event: AccessEvent) -> None:
        """Add an event; it stands or falls with this transaction."""
        self._db.execute(_APPEND, event_values(event))

    def page(
        self, account_id: str, *, recording_id: str | None, after: int, limit: int
    ) -> Sequence[tuple[int, AccessEvent]]:
        """Return events with their positions, oldest first, those after ``after``."""
        query = select(access_events).where(
            access_events.c.account_id == account_id, access_events.c.position > after
        )
        if recording_id is not None:
            query = query.where(access_events.c.recording_id == recording_id)
        rows = self._db.execute(query.order_by(access_events.c.position).limit(limit))
        return [(row.position, _event(row.body, row.sealed_detail)) for row in rows]


def event_values(event: AccessEvent) -> dict[str, object]:
    """Return an event as its row."""
    return {
        "id": event.id,
        "account_id": event.account_id,
        "recording_id": event.recording_id,
        "body": event.body,
        "sealed_detail": event.sealed_detail,
    }


def _event(body: bytes, sealed_detail: bytes | None) -> AccessEvent:
    said = json.loads(body)
    return AccessEvent(
        id=said["id"],
        type=said["type"],
        at=datetime.fromisoformat(said["at"]),
        account_id=said.get("account"),
        actor=said["actor"],
        recording_id=said.get("recording"),
        link_id=said.get("link"),
        session_id=said.get("session"),
        first=said.get("first"),
        end=said.get("end"),
        result=said.get("result"),
        sealed_detail=sealed_detail,
    )
