"""The integrations to which calls are handed over; credentials are sealed as words of the account."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select

from vault.database.account_parts.part import ListPart, Source, Target, of_row, row_of
from vault.database.schema.handover import integrations
from vault.database.sql.destinations import set_up_destination, take_down_destinations
from vault.database.sql.dialect import insert_for
from vault.domain.handover.integration import HandoverPolicy, StoredIntegration, destinations_of
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


class _Integrations(ListPart[StoredIntegration]):
    def read(self, source: Source) -> tuple[StoredIntegration, ...]:
        return tuple(integration_of_row(row) for row in source.rows(integrations, "id"))

    def encode_one(self, item: StoredIntegration) -> dict[str, Any]:
        return encode_fields(item, without={"account_id"})

    def decode_one(self, fields: Fields, account_id: str) -> StoredIntegration:
        return decode_fields(StoredIntegration, fields, account_id=account_id)

    def replace(self, value: tuple[StoredIntegration, ...], target: Target) -> list[str]:
        """Set the object's integrations; those that have ended in the rows, or are being ended, stay so."""
        ending = _ending(target)
        for one in value:
            if one.id not in ending or one.state in {"removing", "ended"}:
                put_integration(target.db, one)
        return []

    def add_lost(self, value: tuple[StoredIntegration, ...], target: Target) -> list[str]:
        """Add integrations that are not there: without one, what was handed over by it could not be removed.

        One that either side has ended is ended.
        """
        i = integrations.c
        mine = set(target.db.execute(select(i.id).where(i.account_id == target.account_id)).scalars())
        ending = _ending(target)
        for one in value:
            if one.id not in mine or (one.state in {"removing", "ended"} and one.id not in ending):
                put_integration(target.db, one)
        return []


INTEGRATIONS = _Integrations(name="integrations", words="integrations to which calls are handed over")


def integration_of_row(row: Mapping[Any, Any]) -> StoredIntegration:
    """Return an integration from its row."""
    policy = row["policy"]
    connections = tuple(policy["connections"])
    return of_row(StoredIntegration, row, policy=HandoverPolicy(**policy | {"connections": connections}))


def put_integration(db: DbConnection, integration: StoredIntegration) -> None:
    """Insert or replace an integration. Its destinations are healthy then; of one that does not send nothing waits."""
    values = row_of(integration, policy=encode_fields(integration.policy))
    put = insert_for(db, integrations).values(values)
    changed = {name: put.excluded[name] for name in values if name != "id"}
    db.execute(put.on_conflict_do_update(index_elements=["id"], set_=changed))
    writes, removals = destinations_of(integration.id)
    for destination, is_on in ((writes, integration.sends), (removals, integration.removes)):
        if is_on:
            set_up_destination(db, destination)
        else:
            take_down_destinations(db, [destination])


def _ending(target: Target) -> set[str]:
    i = integrations.c
    mine = (i.account_id == target.account_id) & i.state.in_(["removing", "ended"])
    return set(target.db.execute(select(i.id).where(mine)).scalars())
