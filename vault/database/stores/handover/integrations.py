"""Integrations, as rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import or_, select, text, update

from vault.database.account_parts.integrations import integration_of_row, put_integration
from vault.database.account_parts.part import account_changed
from vault.database.schema.access_log import tree_head
from vault.database.schema.handover import IS_UNSETTLED, handovers, integrations
from vault.database.stores.rows import Rows
from vault.domain.handover.integration import StoredIntegration

_I, _H = integrations.c, handovers.c
#: As text: SQLite uses the partial index for the very same words alone.
_UNSETTLED: Final = text(f"({IS_UNSETTLED})")


class IntegrationRows(Rows):
    """Integrations in one transaction."""

    def of_account(self, account_id: str) -> Sequence[StoredIntegration]:
        """Return the integrations of an account, those that have ended included, the newest first."""
        query = select(integrations).where(_I.account_id == account_id)
        rows = self._db.execute(query.order_by(_I.created_at.desc(), _I.id)).mappings()
        return [integration_of_row(row) for row in rows]

    def get(self, account_id: str, integration_id: str) -> StoredIntegration | None:
        """Return an integration of an account."""
        query = select(integrations).where(_I.id == integration_id, _I.account_id == account_id)
        row = self._db.execute(query).mappings().first()
        return None if row is None else integration_of_row(row)

    def by_id(self, integration_id: str) -> StoredIntegration | None:
        """Return an integration of any account."""
        row = self._db.execute(select(integrations).where(_I.id == integration_id)).mappings().first()
        return None if row is None else integration_of_row(row)

    def add(self, integration: StoredIntegration) -> None:
        """Add an integration, to which is handed over what becomes available from now on."""
        self.put(integration)
        size = select(tree_head.c.size).scalar_subquery()
        self._db.execute(update(integrations).where(_I.id == integration.id).values(from_index=size))

    def put(self, integration: StoredIntegration) -> None:
        """Insert or change an integration. The account's object becomes due."""
        put_integration(self._db, integration)
        account_changed(self._db, integration.account_id)

    def succeeded(self, integration_id: str, at: datetime) -> None:
        """Note when the system last took something."""
        self._db.execute(update(integrations).where(_I.id == integration_id).values(succeeded_at=at))

    def last_success(self, ids: Sequence[str]) -> Mapping[str, datetime | None]:
        """Return when each system last took something."""
        query = select(_I.id, _I.succeeded_at).where(_I.id.in_(ids))
        return {row.id: row.succeeded_at for row in self._db.execute(query)}

    def to_queue(self, limit: int) -> Sequence[StoredIntegration]:
        """Return integrations with something to do that is not in the outbox."""
        waits = or_(_H.queued_at.is_(None), _H.queued_at < _I.set_up_at)
        takes = or_(_I.state == "active", _H.desired == "absent")
        due = select(_H.id).where(_H.integration_id == _I.id, _UNSETTLED, waits, takes).exists()
        query = select(integrations).where(_I.state != "ended", _I.unauthorized_since.is_(None), due)
        return [integration_of_row(row) for row in self._db.execute(query.limit(limit)).mappings()]

    def removing(self, limit: int) -> Sequence[StoredIntegration]:
        """Return integrations of which something is to be removed that nobody has said so of yet."""
        left = select(_H.id).where(_H.integration_id == _I.id, _H.desired != "absent").exists()
        query = select(integrations).where(_I.state == "removing", left).limit(limit)
        return [integration_of_row(row) for row in self._db.execute(query).mappings()]

    def ending(self, limit: int) -> Sequence[StoredIntegration]:
        """Return integrations of which everything is removed that was to be."""
        left = select(_H.id).where(_H.integration_id == _I.id, or_(_UNSETTLED, _H.state != "absent")).exists()
        query = select(integrations).where(_I.state == "removing", ~left).limit(limit)
        return [integration_of_row(row) for row in self._db.execute(query).mappings()]
