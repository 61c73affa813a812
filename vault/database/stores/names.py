"""Rows from which the names of people, keys and things are read, many at a time."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, or_, select

from vault.database.account_parts.holds import hold_of
from vault.database.schema.accounts import api_keys
from vault.database.schema.calls import call_facts
from vault.database.schema.core import connections, links, recordings, sessions
from vault.database.schema.handover import integrations
from vault.database.schema.playback import link_keys
from vault.database.schema.requests import person_requests
from vault.database.schema.retention import holds
from vault.database.schema.sign_in import people, sign_in_connections
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.playback.links import link_of
from vault.database.stores.recordings.recordings import RECORDING_COLUMNS, recording_of
from vault.database.stores.requests.requests import COLUMNS, RequestRow, row_of
from vault.database.stores.rows import Rows
from vault.database.stores.sign_in.sign_in import person_of
from vault.domain.playback.link import Link
from vault.domain.recordings.recording import Recording
from vault.domain.sign_in.connection import OPERATORS, PersonRow
from vault.domain.stored.retention_json import StoredHold

#: Tables whose rows have a name in clear, with its column, by the beginning of their ids.
_NAMED: Final[Mapping[str, tuple[Table, str]]] = {
    "conn": (connections, "name"),
    "idp": (sign_in_connections, "name"),
    "lkey": (link_keys, "name"),
    "int": (integrations, "system"),
}


class NameRows(Rows):
    """Rows of one account; pass at most some hundred ids."""

    def keys(self, account_id: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names of API keys of the account, and of operators."""
        k = api_keys.c
        mine = or_(k.account_id == account_id, k.account_id.is_(None))
        return _pairs(self._db.execute(select(k.id, k.name).where(k.id.in_(ids), mine)))

    def people(self, account_id: str, ids: Sequence[str]) -> Sequence[PersonRow]:
        """Return people of the account, and operators."""
        mine = people.c.account_id.in_((account_id, OPERATORS))
        query = select(people).where(people.c.id.in_(ids), mine)
        return [person_of(row) for row in self._db.execute(query).mappings()]

    def listeners(self, account_id: str, session_ids: Sequence[str]) -> Mapping[str, Link]:
        """Return the links of sessions, by the session."""
        mine = sessions.c.id.in_(session_ids) & (sessions.c.account_id == account_id)
        query = select(sessions.c.id.label("session"), links).join(links, links.c.id == sessions.c.link_id)
        return {row.session: link_of(row) for row in self._db.execute(query.where(mine))}

    def links(self, account_id: str, ids: Sequence[str]) -> Mapping[str, Link]:
        """Return links, by their id."""
        query = select(links).where(links.c.id.in_(ids), links.c.account_id == account_id)
        return {row.id: link_of(row) for row in self._db.execute(query)}

    def recordings(self, account_id: str, ids: Sequence[str]) -> Sequence[Recording]:
        """Return recordings in any state."""
        mine = recordings.c.id.in_(ids) & (recordings.c.account_id == account_id)
        return [recording_of(row) for row in self._db.execute(select(*RECORDING_COLUMNS).where(mine))]

    def call_facts(self, account_id: str, call_refs: Sequence[str]) -> Sequence[CallFactRow]:
        """Return the facts of calls, the oldest first."""
        c = call_facts.c
        query = select(call_facts).where(c.account_id == account_id, c.call_ref.in_(call_refs))
        rows = self._db.execute(query.order_by(c.at, c.id)).mappings()
        return [CallFactRow(**row) for row in rows]

    def requests(self, account_id: str, ids: Sequence[str]) -> Sequence[RequestRow]:
        """Return requests of people."""
        p = person_requests.c
        query = select(*COLUMNS).where(p.id.in_(ids), p.account_id == account_id)
        return [row_of(row) for row in self._db.execute(query)]

    def holds(self, account_id: str, ids: Sequence[str]) -> Sequence[StoredHold]:
        """Return holds."""
        query = select(holds).where(holds.c.id.in_(ids), holds.c.account_id == account_id)
        return [hold_of(row) for row in self._db.execute(query).mappings()]

    def others(self, account_id: str, ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names of connections, sign-in connections and keys that sign links; of integrations the system."""
        found: dict[str, str] = {}
        for prefix, (table, column) in _NAMED.items():
            if mine := [one for one in ids if one.startswith(f"{prefix}_")]:
                t = table.c
                query = select(t.id, t[column].label("name")).where(
                    t.id.in_(mine), t.account_id == account_id
                )
                found |= _pairs(self._db.execute(query))
        return found


def _pairs(rows: Any) -> dict[str, str]:
    return {row.id: row.name for row in rows}
