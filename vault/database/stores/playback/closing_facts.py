"""What may close open sessions, read for many at once: players wait for a change of it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import and_, select

from vault.database.schema.core import links, recordings, sessions
from vault.database.stores.playback.hot_reads import SessionWithLink
from vault.database.stores.rows import Rows
from vault.domain.recordings.recording import State


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingFacts:
    """The facts that ``session_state`` judges by and that can change; a reader compares, and does not judge."""

    ends_at: datetime
    revoked_at: datetime | None
    state: State
    restricted: bool

    @classmethod
    def of(cls, found: SessionWithLink) -> Self:
        """Return those of a session that was read with its link and its recording."""
        return cls(
            ends_at=found.session.ends_at,
            revoked_at=found.link.revoked_at,
            state=found.recording.state,
            restricted=found.recording.restricted,
        )


_QUERY = (
    select(sessions.c.id, sessions.c.ends_at, links.c.revoked_at, recordings.c.state, recordings.c.restricted)
    .join(links, and_(links.c.id == sessions.c.link_id, links.c.account_id == sessions.c.account_id))
    .join(
        recordings,
        and_(recordings.c.id == sessions.c.recording_id, recordings.c.account_id == sessions.c.account_id),
    )
)


class ClosingFactRows(Rows):
    """The facts of one transaction."""

    def of_sessions(self, session_ids: Collection[str]) -> Mapping[str, ClosingFacts]:
        """Return those of each of these sessions that is there."""
        rows = self._db.execute(_QUERY.where(sessions.c.id.in_(session_ids))).mappings()
        return {row["id"]: _facts(dict(row)) for row in rows}


def _facts(row: Mapping[str, Any]) -> ClosingFacts:
    values = {name: row[name] for name in ClosingFacts.__slots__}
    return ClosingFacts(**values | {"state": State(row["state"])})
