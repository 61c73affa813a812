"""Endpoints that receive events, as rows."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, select, update

from vault.database.account_parts.event_endpoints import delete_endpoints, endpoint_of, put_endpoint
from vault.database.account_parts.part import account_changed
from vault.database.schema.access_log import tree_head
from vault.database.schema.events import event_endpoints
from vault.database.stores.rows import Rows
from vault.domain.events.endpoint import StoredEndpoint

_E = event_endpoints.c
#: Each turn of an endpoint reads it.
_ONE: Final = select(event_endpoints).where(
    _E.id == bindparam("endpoint"), _E.account_id == bindparam("account")
)


class EventEndpointRows(Rows):
    """Endpoints in one transaction."""

    def of_account(self, account_id: str) -> Sequence[StoredEndpoint]:
        """Return the endpoints of an account, the oldest first."""
        query = select(event_endpoints).where(_E.account_id == account_id)
        rows = self._db.execute(query.order_by(_E.created_at, _E.id)).mappings()
        return [endpoint_of(row) for row in rows]

    def get(self, account_id: str, endpoint_id: str) -> StoredEndpoint | None:
        """Return an endpoint of an account."""
        row = self._db.execute(_ONE, {"endpoint": endpoint_id, "account": account_id}).mappings().first()
        return None if row is None else endpoint_of(row)

    def by_id(self, endpoint_id: str) -> StoredEndpoint | None:
        """Return an endpoint of any account."""
        row = self._db.execute(select(event_endpoints).where(_E.id == endpoint_id)).mappings().first()
        return None if row is None else endpoint_of(row)

    def add(self, endpoint: StoredEndpoint) -> None:
        """Add an endpoint, which receives what comes into the log from now on."""
        self.put(endpoint)
        size = select(tree_head.c.size).scalar_subquery()
        self._db.execute(update(event_endpoints).where(_E.id == endpoint.id).values(from_index=size))

    def put(self, endpoint: StoredEndpoint, *, repairs: bool = True) -> None:
        """Insert or change an endpoint, healthy then if this ``repairs`` it. The account's object becomes due."""
        put_endpoint(self._db, endpoint, repairs=repairs)
        account_changed(self._db, endpoint.account_id)

    def delete(self, endpoint: StoredEndpoint) -> None:
        """Delete an endpoint and what waits for it. The account's object becomes due."""
        account_changed(self._db, endpoint.account_id)
        delete_endpoints(self._db, [endpoint.id])
