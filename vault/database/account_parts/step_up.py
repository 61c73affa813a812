"""Whether weighty acts of people need a fresh verification."""

from typing import Any

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select

from vault.database.account_parts.part import OptionalPart, Source, Target, of_row, row_of
from vault.database.schema.sign_in import step_ups
from vault.database.sql.dialect import insert_for
from vault.domain.sign_in.step_up import StepUp, stricter
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


class _StepUp(OptionalPart[StepUp]):
    def read(self, source: Source) -> StepUp | None:
        return step_up_of(source.db, source.account_id)

    def encode_one(self, item: StepUp) -> dict[str, Any]:
        return encode_fields(item)

    def decode_one(self, fields: Fields, account_id: str) -> StepUp:  # noqa: ARG002 - the text does not name it
        return decode_fields(StepUp, fields)

    def replace(self, value: StepUp | None, target: Target) -> list[str]:
        """Take a later version; otherwise as below."""
        own = step_up_of(target.db, target.account_id)
        if value is not None and own is not None and value.version > own.version:
            put_step_up(target.db, target.account_id, value)
            return []
        return self.add_lost(value, target)

    def add_lost(self, value: StepUp | None, target: Target) -> list[str]:
        """Require a verification if either history does."""
        if value is not None:
            require_step_up(target.db, target.account_id, value)
        return []


STEP_UP = _StepUp(name="step_up", words="the verification for weighty acts")


def step_up_of(db: DbConnection, account_id: str) -> StepUp | None:
    """Return what an account has set; None if it was never set."""
    row = db.execute(select(step_ups).where(step_ups.c.account_id == account_id)).mappings().first()
    return None if row is None else of_row(StepUp, row)


def put_step_up(db: DbConnection, account_id: str, value: StepUp) -> None:
    """Insert or replace what an account has set."""
    values = row_of(value)
    put = insert_for(db, step_ups).values(account_id=account_id, **values)
    db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))


def require_step_up(db: DbConnection, account_id: str, other: StepUp) -> bool:
    """Let an account require a verification if another history does; return whether that changed anything."""
    own = step_up_of(db, account_id)
    merged = other if own is None else stricter(own, other)
    if merged == own:
        return False
    put_step_up(db, account_id, merged)
    return True
