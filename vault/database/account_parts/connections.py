"""The connections to telephony platforms."""

from typing import Any

from vault.database.account_parts.part import ListPart, Source, Target, row_of
from vault.database.schema.core import connections
from vault.database.sql.dialect import database_now, insert_new
from vault.domain.accounts.account import Connection
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


class _Connections(ListPart[Connection]):
    def read(self, source: Source) -> tuple[Connection, ...]:
        return source.all_of(Connection, connections)

    def encode_one(self, item: Connection) -> dict[str, Any]:
        return encode_fields(item, without={"account_id"})

    def decode_one(self, fields: Fields, account_id: str) -> Connection:
        return decode_fields(Connection, fields, account_id=account_id)

    def replace(self, value: tuple[Connection, ...], target: Target) -> list[str]:
        """Let the account have the object's connections and no others; who set them in either history, has."""
        value = tuple(target.share_makers(connections, value))
        target.delete_others(connections, [connection.id for connection in value])
        target.put(connections, ["id"], [_row(connection, target) for connection in value])
        return []

    def add_lost(self, value: tuple[Connection, ...], target: Target) -> list[str]:
        """Add missing connections, but for those that were deleted, or whose name another one has."""
        left_out = []
        for connection in target.share_makers(connections, value):
            if connection.id not in target.deleted and not insert_new(
                target.db, connections, _row(connection, target)
            ):
                left_out += target.left_out(connections, connection.id, f"the connection {connection.name}")
        return left_out


CONNECTIONS = _Connections(name="connections", words="connections", is_in_all=True)


def _row(connection: Connection, target: Target) -> dict[str, Any]:
    # Reconcile from the start: a recording made since is either known or ingested.
    now = database_now(target.db)
    return row_of(connection, reconciled_until=connection.collect_from, reconcile_not_before=now)
