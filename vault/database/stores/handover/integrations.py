"""Integrations, as rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
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

#: The longest transaction, by far, that has read an integration as active before its end.
_LATE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunAuthorization:
    """An authorization that somebody has begun."""

    #: The SHA-256 of its state, in hexadecimal digits.
    state_hash: str
    by: str
    until: datetime


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

    def lock(self, account_id: str, integration_id: str) -> StoredIntegration | None:
        """Return an integration of an account whose row nobody else changes until the end of the transaction."""
        query = select(integrations).where(_I.id == integration_id, _I.account_id == account_id)
        row = self._db.execute(query.with_for_update()).mappings().first()
        return None if row is None else integration_of_row(row)

    def begin_authorization(self, integration_id: str, begun: BegunAuthorization) -> None:
        """Note an authorization that somebody has begun. An earlier one of the integration is over."""
        self._set(integration_id, state_hash=begun.state_hash, started_by=begun.by, state_until=begun.until)

    def begun_authorization(self, state_hash: str) -> tuple[StoredIntegration, BegunAuthorization] | None:
        """Return the integration of an authorization that was begun, and what was noted; None if there is none."""
        row = self._db.execute(select(integrations).where(_I.state_hash == state_hash)).mappings().first()
        if row is None:
            return None
        begun = BegunAuthorization(state_hash=state_hash, by=row["started_by"], until=row["state_until"])
        return integration_of_row(row), begun

    def end_authorization(self, integration_id: str, state_hash: str) -> bool:
        """Forget an authorization that was begun; False if somebody has done so."""
        mine = update(integrations).where(_I.id == integration_id, _I.state_hash == state_hash)
        values = {"state_hash": None, "started_by": None, "state_until": None}
        return self._db.execute(mine.values(values)).rowcount == 1

    def refreshing_until(self, integration_id: str) -> datetime | None:
        """Return until when somebody refreshes the tokens; None if nobody does."""
        query = select(_I.refreshing_until).where(_I.id == integration_id)
        found: datetime | None = self._db.execute(query).scalar_one_or_none()
        return found

    def refresh(self, integration_id: str, until: datetime | None) -> None:
        """Note until when somebody refreshes the tokens; None: nobody does any more."""
        self._set(integration_id, refreshing_until=until)

    def keep_grant(self, integration: StoredIntegration, at: datetime) -> None:
        """Store new tokens, which are in what is sealed. The account's object becomes due."""
        self._set(integration.id, sealed=integration.sealed, granted_at=at, refreshing_until=None)
        account_changed(self._db, integration.account_id)

    def unused_grants(
        self, systems: Sequence[str], since: datetime, limit: int
    ) -> Sequence[StoredIntegration]:
        """Return integrations of systems whose tokens nobody has renewed ``since``."""
        query = select(integrations).where(
            _I.system.in_(systems),
            _I.granted_at < since,
            _I.state != "ended",
            _I.unauthorized_since.is_(None),
        )
        rows = self._db.execute(query.order_by(_I.granted_at).limit(limit)).mappings()
        return [integration_of_row(row) for row in rows]

    def revoking(self, after: str, limit: int) -> Sequence[StoredIntegration]:
        """Return integrations that have ended and whose grants are kept, by their ids ``after`` one."""
        query = select(integrations).where(_I.state == "ended", _I.sealed != "", _I.id > after)
        rows = self._db.execute(query.order_by(_I.id).limit(limit)).mappings()
        return [integration_of_row(row) for row in rows]

    def _set(self, integration_id: str, **values: object) -> None:
        self._db.execute(update(integrations).where(_I.id == integration_id).values(values))

    def succeeded(self, integration_id: str, at: datetime) -> None:
        """Note when the system last took something."""
        self._set(integration_id, succeeded_at=at)

    def last_success(self, ids: Sequence[str]) -> Mapping[str, datetime | None]:
        """Return when each system last took something."""
        query = select(_I.id, _I.succeeded_at).where(_I.id.in_(ids))
        return {row.id: row.succeeded_at for row in self._db.execute(query)}

    def to_queue(self, limit: int) -> Sequence[StoredIntegration]:
        """Return integrations with something to do that is not in the outbox."""
        waits = or_(_H.queued_at.is_(None), _H.queued_at < _I.set_up_at)
        takes = or_(_I.state == "active", _H.desired != "present")
        due = select(_H.id).where(_H.integration_id == _I.id, _UNSETTLED, waits, takes).exists()
        query = select(integrations).where(_I.state != "ended", _I.unauthorized_since.is_(None), due)
        return [integration_of_row(row) for row in self._db.execute(query.limit(limit)).mappings()]

    def removing(self, limit: int) -> Sequence[StoredIntegration]:
        """Return integrations of which something is to be removed that nobody has said so of yet."""
        left = select(_H.id).where(_H.integration_id == _I.id, _H.desired != "absent").exists()
        query = select(integrations).where(_I.state == "removing", left).limit(limit)
        return [integration_of_row(row) for row in self._db.execute(query).mappings()]

    def unsettled_ends(self, limit: int) -> Sequence[str]:
        """Return the ids of integrations that have ended, and of which hand-overs have no last state yet."""
        query = select(_I.id).where(_I.state == "ended", _I.settled_at.is_(None)).limit(limit)
        return self._db.execute(query).scalars().all()

    def settled(self, integration_id: str, now: datetime) -> None:
        """Note that all hand-overs of an integration have their last state, if it ended a while ago.

        What began before its end may leave hand-overs until then.
        """
        mine = update(integrations).where(_I.id == integration_id, _I.changed_at < now - _LATE)
        self._db.execute(mine.values(settled_at=now))

    def ending(self, limit: int) -> Sequence[StoredIntegration]:
        """Return integrations of which everything is removed that was to be."""
        left = select(_H.id).where(_H.integration_id == _I.id, or_(_UNSETTLED, _H.state != "absent")).exists()
        query = select(integrations).where(_I.state == "removing", ~left).limit(limit)
        return [integration_of_row(row) for row in self._db.execute(query).mappings()]
