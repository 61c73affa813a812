"""What an account wants done about card data in audio."""

from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select

from vault.database.account_parts.part import OptionalPart, Source, Target, of_row, row_of
from vault.database.schema.card_data import card_data_policies
from vault.database.sql.dialect import insert_for
from vault.domain.recordings.card_data import CardDataPolicy, stricter
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


class _CardData(OptionalPart[CardDataPolicy]):
    def read(self, source: Source) -> CardDataPolicy | None:
        return card_data_policy_of(source.db, source.account_id)

    def encode_one(self, item: CardDataPolicy) -> dict[str, Any]:
        return encode_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> CardDataPolicy:  # noqa: ARG002 - the text does not name it
        return decode_fields(CardDataPolicy, fields)

    def replace(self, value: CardDataPolicy | None, target: Target) -> list[str]:
        """Take what was set later."""
        if value is not None:
            put_card_data_policy(target.db, target.account_id, value)
        return []

    def add_lost(self, value: CardDataPolicy | None, target: Target) -> list[str]:
        """Look for what either history looks for."""
        own = card_data_policy_of(target.db, target.account_id)
        if value is not None and (own is None or stricter(own, value) is value):
            put_card_data_policy(target.db, target.account_id, value)
        return []


CARD_DATA = _CardData(name="card_data", words="what it wants done about card data")


def card_data_policy_of(db: DbConnection, account_id: str) -> CardDataPolicy | None:
    """Return what an account has set; None if it was never set."""
    mine = card_data_policies.c.account_id == account_id
    row = db.execute(select(card_data_policies).where(mine)).mappings().first()
    return None if row is None else of_row(CardDataPolicy, row)


def put_card_data_policy(db: DbConnection, account_id: str, policy: CardDataPolicy) -> None:
    """Insert or replace what an account has set."""
    values = row_of(policy)
    put = insert_for(db, card_data_policies).values(account_id=account_id, **values)
    db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))
