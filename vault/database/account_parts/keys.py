"""The account's keys: versions of the account key, and the index, detail and month keys that they wrap."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Table, case, delete, select, update
from sqlalchemy import Connection as DbConnection

from vault.database.account_parts.part import AccountPart, Source, Target
from vault.database.schema.account_keys import account_keys, detail_keys, key_rotations, month_keys
from vault.database.schema.calls import call_facts
from vault.database.schema.consent import consent_events
from vault.database.schema.core import links
from vault.database.schema.registers import register_entries
from vault.database.schema.requests import person_packages, person_requests
from vault.database.sql.dialect import database_now, insert_for, insert_new
from vault.domain.accounts.account_keys import WrappedMonthKey, check_month_key_id
from vault.domain.stored.account_envelope import decode_key_versions, encode_key_versions
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKeys:
    """All wrapped keys of an account."""

    #: Wrapped versions of the account key, by version number.
    versions: Mapping[int, bytes]
    wrapped_index_key: bytes
    #: The account key version that wraps it.
    index_key_version: int
    #: Keys of access event details, by number: the wrapped key, and the account key version that wraps it.
    detail_keys: Mapping[int, tuple[bytes, int]]
    #: Oldest first.
    month_keys: tuple[WrappedMonthKey, ...] = ()


class _Keys(AccountPart[AccountKeys]):
    def read(self, source: Source) -> AccountKeys:
        r = key_rotations.c
        settled = select(r.version).where(r.account_id == source.account_id, r.settled_at.is_not(None))
        emptied = set(source.db.execute(settled).scalars())
        rows = source.rows(account_keys, "version")
        return AccountKeys(
            # A key version that seals no data any more will be destroyed, so the object must not contain it.
            versions={row["version"]: row["wrapped_key"] for row in rows if row["version"] not in emptied},
            wrapped_index_key=source.account["wrapped_index_key"],
            index_key_version=source.account["index_key_version"],
            detail_keys={
                row["number"]: (row["wrapped_key"], row["key_version"])
                for row in source.rows(detail_keys, "number")
            },
            month_keys=tuple(month_key_of(row) for row in source.rows(month_keys, "id")),
        )

    def encode(self, value: AccountKeys) -> Mapping[str, Any]:
        months = [encode_fields(key) for key in value.month_keys]
        return {
            "keys": encode_key_versions(value.versions),
            "index_key": value.wrapped_index_key,
            "index_key_version": value.index_key_version,
            "detail_keys": [
                {"number": number, "wrapped": wrapped, "key_version": version}
                for number, (wrapped, version) in value.detail_keys.items()
            ],
            **({"month_keys": months} if months else {}),
        }

    def decode(self, fields: Fields, account_id: str) -> AccountKeys:  # noqa: ARG002 - no key names its account
        months = fields.items("month_keys") if fields.has("month_keys") else ()
        return AccountKeys(
            # Not the keys of the envelope, which is not authenticated.
            versions=decode_key_versions(fields.inner("keys")),
            wrapped_index_key=fields.blob("index_key"),
            index_key_version=fields.integer("index_key_version", least=1),
            detail_keys=dict(_decode_detail_key_fields(item) for item in fields.items("detail_keys")),
            month_keys=tuple(
                decode_fields(WrappedMonthKey, item, id=check_month_key_id(item.text("id")))
                for item in months
            ),
        )

    def replace(self, value: AccountKeys, target: Target) -> list[str]:
        """Let the account have the object's keys and no others; the index key is in the account's own row."""
        account_id, k = target.account_id, account_keys.c
        deleted = k.version.not_in(list(value.versions))
        target.db.execute(delete(account_keys).where(k.account_id == account_id, deleted))
        months = [row_of_month_key(account_id, key) for key in value.month_keys]
        target.put(month_keys, ["account_id", "id"], months)
        # Rows sealed under a version destroyed since cannot be opened; facts are restored from manifests.
        delete_sealed(target.db, account_id, lambda table: table.c.key_version.not_in(list(value.versions)))
        target.put(account_keys, ["account_id", "version"], _version_rows(account_id, value))
        target.put(detail_keys, ["account_id", "number"], _detail_rows(account_id, value))
        return []

    def add_lost(self, value: AccountKeys, target: Target) -> list[str]:
        """Insert missing versions of the account's key, and what they wrap.

        What a version wraps whose number has another key here stays out: nothing here opens it, and new data would be
        sealed under it. The account keeps its index key.
        """
        db, account_id, k = target.db, target.account_id, account_keys.c
        differ: set[int] = set()
        for row in _version_rows(account_id, value):
            version = row["version"]
            if insert_new(db, account_keys, row):
                _empty_again(db, account_id, version)
                continue
            own = select(k.wrapped_key).where(k.account_id == account_id, k.version == version)
            if db.execute(own).scalar() != row["wrapped_key"]:
                differ.add(version)
        details = [row for row in _detail_rows(account_id, value) if row["key_version"] not in differ]
        if details:
            insert_new(db, detail_keys, *details)
        # Ids of two histories differ, so those of both stay.
        months = [key for key in value.month_keys if key.key_version not in differ]
        if months:
            insert_new(db, month_keys, *[row_of_month_key(account_id, key) for key in months])
        return [f"version {version} of its key" for version in sorted(differ)]

    def differences(self, stored: AccountKeys, own: AccountKeys) -> list[str]:
        """Compare all keys, but for a detail key of the newest version that only the rows have.

        It is made when something is first sealed under it, without a change of the account. What the object has under
        it comes with a change, and that with the key.
        """
        newest = max(own.versions)
        details = {
            number: key
            for number, key in own.detail_keys.items()
            if number != newest or number in stored.detail_keys
        }
        return super().differences(stored, replace(own, detail_keys=details))


KEYS = _Keys(name="keys", words="keys")


def lacks(own: AccountKeys, other: AccountKeys) -> bool:
    """Return whether an account lacks a month key of another state, under a version of its key that it still has."""
    here = {key.id for key in own.month_keys}
    return any(key.id not in here and key.key_version in own.versions for key in other.month_keys)


def month_key_of(row: Mapping[Any, Any]) -> WrappedMonthKey:
    """Convert the columns of a row, by name, to a month key."""
    return WrappedMonthKey(
        id=row["id"], number=row["number"], wrapped=row["wrapped_key"], key_version=row["key_version"]
    )


def row_of_month_key(account_id: str, key: WrappedMonthKey) -> dict[str, Any]:
    """Return a month key as its row."""
    return {
        "account_id": account_id, "id": key.id, "number": key.number,
        "wrapped_key": key.wrapped, "key_version": key.key_version,
    }  # fmt: skip


def delete_sealed(db: DbConnection, account_id: str, gone: Callable[[Table], ColumnElement[bool]]) -> None:
    """Delete rows sealed under a version that is ``gone``, or under a month key that it wraps."""
    m = month_keys.c
    db.execute(delete(month_keys).where(m.account_id == account_id, gone(month_keys)))
    left = select(m.id).where(m.account_id == account_id)
    facts = case(
        (call_facts.c.month_key.is_(None), gone(call_facts)), else_=call_facts.c.month_key.not_in(left)
    )
    db.execute(delete(call_facts).where(call_facts.c.account_id == account_id, facts))
    for table in (consent_events, links, person_packages, register_entries):
        db.execute(delete(table).where(table.c.account_id == account_id, gone(table)))
    # The bare rows of requests stay, as after their own retention.
    mine = (person_requests.c.account_id == account_id) & gone(person_requests)
    empty = dict.fromkeys(("sealed_personal", "key_version", "sealed_receipt", "receipt_key_version"))
    db.execute(update(person_requests).where(mine).values(empty))


def _decode_detail_key_fields(fields: Fields) -> tuple[int, tuple[bytes, int]]:
    number = fields.integer("number", least=1)
    key = (fields.blob("wrapped"), fields.integer("key_version", least=1))
    fields.done()
    return number, key


def _version_rows(account_id: str, keys: AccountKeys) -> list[dict[str, Any]]:
    return [
        {"account_id": account_id, "version": version, "wrapped_key": key}
        for version, key in keys.versions.items()
    ]


def _detail_rows(account_id: str, keys: AccountKeys) -> list[dict[str, Any]]:
    return [
        {"account_id": account_id, "number": number, "wrapped_key": wrapped, "key_version": version}
        for number, (wrapped, version) in keys.detail_keys.items()
    ]


def _empty_again(db: DbConnection, account_id: str, version: int) -> None:
    """Restart the rotation of a version that was rotated here before, so that it is emptied and destroyed again.

    Data acknowledged under it in the lost history can be opened only with it, until re-encrypted under the next.
    """
    k = account_keys.c
    following = select(k.version).where(k.account_id == account_id, k.version == version + 1)
    if db.execute(following).first() is None:
        return
    begun = {
        "begun_at": database_now(db), "begun_by": "restore", "rewrapped": 0,
        "settled_at": None, "destroyed_at": None, "statement": None,
    }  # fmt: skip
    put = insert_for(db, key_rotations).values(account_id=account_id, version=version, **begun)
    db.execute(put.on_conflict_do_update(index_elements=["account_id", "version"], set_=begun))
