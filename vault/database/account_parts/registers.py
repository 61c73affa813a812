"""The entries of registers: records of processing, recipients, requests of authorities."""

from typing import Any

from vault.database.account_parts.part import ListPart, Source, Target, row_of
from vault.database.schema.registers import register_entries
from vault.database.sql.dialect import insert_new
from vault.domain.registers.entries import SealedEntry
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


class _Registers(ListPart[SealedEntry]):
    def read(self, source: Source) -> tuple[SealedEntry, ...]:
        return source.all_of(SealedEntry, register_entries)

    def encode_one(self, item: SealedEntry) -> dict[str, Any]:
        return encode_fields(item, without={"account_id"})

    def decode_one(self, fields: Fields, account_id: str) -> SealedEntry:
        return decode_fields(SealedEntry, fields, account_id=account_id)

    def replace(self, value: tuple[SealedEntry, ...], target: Target) -> list[str]:
        """Let the account have the object's entries and no others."""
        target.delete_others(register_entries, [entry.id for entry in value])
        target.put(register_entries, ["id"], [row_of(entry) for entry in value])
        return []

    def add_lost(self, value: tuple[SealedEntry, ...], target: Target) -> list[str]:
        """Add missing entries that a key of this account opens."""
        usable = target.usable_versions() if value else set()
        left_out = []
        for entry in value:
            opens = entry.key_version in usable
            if not opens or not insert_new(target.db, register_entries, row_of(entry)):
                left_out += target.left_out(register_entries, entry.id, f"the register entry {entry.id}")
        return left_out


REGISTERS = _Registers(name="registers", words="registers")
