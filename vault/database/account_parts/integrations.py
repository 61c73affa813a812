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

#: Stages of an integration, in their order; none is ever undone.
_OPEN, _ENDING, _ENDED, _REVOKED = range(4)


class _Integrations(ListPart[StoredIntegration]):
    def read(self, source: Source) -> tuple[StoredIntegration, ...]:
        return tuple(integration_of_row(row) for row in source.rows(integrations, "id"))

    def encode_one(self, item: StoredIntegration) -> dict[str, Any]:
        return encode_fields(item, without={"account_id"})

    def decode_one(self, fields: Fields, account_id: str) -> StoredIntegration:
        return decode_fields(StoredIntegration, fields, account_id=account_id)

    def replace(self, value: tuple[StoredIntegration, ...], target: Target) -> list[str]:
        """Set the object's integrations; what is nearer to its end in the rows stays as it is."""
        stages = _stages(target)
        for one in value:
            if _stage(one.state, one.sealed) >= stages.get(one.id, _OPEN):
                put_integration(target.db, one)
        return []

    def add_lost(self, value: tuple[StoredIntegration, ...], target: Target) -> list[str]:
        """Add integrations that are not there: without one, what was handed over by it could not be removed.

        One that either side has ended is ended.
        """
        stages = _stages(target)
        for one in value:
            if one.id not in stages or _stage(one.state, one.sealed) > stages[one.id]:
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


def _stage(state: str, sealed: str) -> int:
    """Return how near to its end an integration is: open, being ended, ended, and its grant revoked or given up."""
    if state == "ended":
        return _ENDED if sealed else _REVOKED
    return _ENDING if state == "removing" else _OPEN


def _stages(target: Target) -> Mapping[str, int]:
    i = integrations.c
    rows = target.db.execute(select(i.id, i.state, i.sealed).where(i.account_id == target.account_id))
    return {row.id: _stage(row.state, row.sealed) for row in rows}
