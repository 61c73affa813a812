"""What a part of an account's object is: one setting, with its way from the rows to the object store and back.

``vault/database/account_object.py`` finds the parts in the other modules of this folder, so a new setting is a new
module. A part without one of its abstract methods cannot be made: neither mypy nor Python lets it pass.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as fields_of
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import Connection as DbConnection
from sqlalchemy import RowMapping, Table, delete, select, update

from vault.batches import batches
from vault.database.schema.account_keys import account_keys
from vault.database.schema.core import accounts
from vault.database.signals import Work, wake
from vault.database.sql.dialect import insert_for
from vault.domain.accounts.account import Connection
from vault.domain.accounts.makers import add_makers
from vault.domain.sign_in.connection import SealedConnection
from vault.domain.stored.json_reader import Fields

T = TypeVar("T")
Item = TypeVar("Item")
C = TypeVar("C")
Made = TypeVar("Made", Connection, SealedConnection)

#: Max rows in one statement, because databases limit its parameters.
_BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The rows of an account, to be read for its object."""

    db: DbConnection
    account_id: str
    #: The account's own row.
    account: RowMapping

    def rows(self, table: Table, by: str) -> Sequence[RowMapping]:
        """Return the account's rows of a table in the order of a column."""
        query = select(table).where(table.c.account_id == self.account_id).order_by(table.c[by])
        return self.db.execute(query).mappings().all()

    def all_of(self, kind: type[C], table: Table, by: str = "id") -> tuple[C, ...]:
        """Return the account's rows of a table whose columns are the fields of a dataclass."""
        return tuple(of_row(kind, row) for row in self.rows(table, by))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPrompt:
    """The sealed audio of a notice."""

    message: bytes = field(repr=False)
    key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The rows of an account into which its object comes, and what a restore knows besides."""

    db: DbConnection
    account_id: str
    #: Wrapped versions of the account key in the object.
    keys: Mapping[int, bytes]
    #: The audio of the object's notices that could be read, by notice.
    prompts: Mapping[str, StoredPrompt]
    #: Ids that were deleted in either history; the account's own id stands for its callback.
    deleted: Collection[str] = ()
    #: Whether a consent policy of the object may become the newest one.
    takes_policies: bool = True

    def usable_versions(self) -> set[int]:
        """Return the versions of the object's key that the account has too, with the same key."""
        k = account_keys.c
        query = select(k.version, k.wrapped_key).where(k.account_id == self.account_id)
        own = {row.version: row.wrapped_key for row in self.db.execute(query)}
        return {version for version, key in self.keys.items() if own.get(version) == key}

    def put(
        self,
        table: Table,
        key: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        *,
        batch_size: int = _BATCH_SIZE,
    ) -> None:
        """Upsert rows of the same columns in batches."""
        for batch in batches(rows, batch_size):
            put = insert_for(self.db, table).values(list(batch))
            new = {name: put.excluded[name] for name in rows[0]}
            self.db.execute(put.on_conflict_do_update(index_elements=key, set_=new))

    def delete_others(self, table: Table, ids: Collection[str]) -> None:
        """Delete the account's rows of a table that have another id."""
        mine = (table.c.account_id == self.account_id) & table.c.id.not_in(ids)
        self.db.execute(delete(table).where(mine))

    def share_makers(self, table: Table, stored: Sequence[Made]) -> list[Made]:
        """Return the object's connections with everybody who has set them in either history; so are the rows' then."""
        k, shared = table.c, list[Made]()
        rows = self.db.execute(select(k.id, k.makers, k.changed_by).where(k.account_id == self.account_id))
        own = {row.id: add_makers(row.makers, row.changed_by) for row in rows}
        for one in stored:
            makers = add_makers(own.get(one.id, ()), *one.all_makers)
            self.db.execute(update(table).where(k.id == one.id).values(makers=makers))
            is_new = len(makers) > len(one.all_makers)
            shared.append(replace(one, makers=makers) if is_new else one)
        return shared

    def left_out(self, table: Table, row_id: str, words: str) -> list[str]:
        """Return the words for a row that was not inserted: none if it is there already."""
        return [] if self.db.execute(select(table.c.id).where(table.c.id == row_id)).first() else [words]


@dataclass(frozen=True, kw_only=True)
class AccountPart(ABC, Generic[T]):
    """One part of an account's object, whose value is a T."""

    #: Its field in the object's JSON; the first one, if it has several.
    name: str
    #: What differs, in the sentence with which fsck names it: "its object differs in ...".
    words: str

    @abstractmethod
    def read(self, source: Source) -> T:
        """Return the account's value from its rows."""

    @abstractmethod
    def encode(self, value: T) -> Mapping[str, Any]:
        """Return its fields of the object's JSON.

        What an earlier release did not know is left out while it says nothing: that release refuses unknown fields.
        """

    @abstractmethod
    def decode(self, fields: Fields, account_id: str) -> T:
        """Take its fields from the object's JSON; objects of earlier releases may lack them. Raises Tampered."""

    @abstractmethod
    def replace(self, value: T, target: Target) -> list[str]:
        """Make the rows what the object says, which is later than they are. Can be repeated.

        A change that only takes something away stays, whichever side made it. Returns words for what is left out,
        because another row has its name.
        """

    @abstractmethod
    def add_lost(self, value: T, target: Target) -> list[str]:
        """Add what the rows lack of an object of a lost history; the account's own rows stay. Can be repeated.

        Returns words for what is left out, because a later setting of the account is in its place.
        """

    def differences(self, stored: T, own: T) -> list[str]:
        """Return words for what differs between the object and the rows. A part that compares less says why."""
        return [] if stored == own else [self.words]


@dataclass(frozen=True, kw_only=True)
class ListPart(AccountPart[tuple[Item, ...]]):
    """A part that is a list of objects."""

    #: Whether every release writes it, also while it is empty.
    is_in_all: bool = False

    @abstractmethod
    def encode_one(self, item: Item) -> dict[str, Any]:
        """Return an item as a JSON object."""

    @abstractmethod
    def decode_one(self, fields: Fields, account_id: str) -> Item:
        """Decode an item. Raises Tampered."""

    def encode(self, value: tuple[Item, ...]) -> Mapping[str, Any]:
        """Return the list, or nothing while it is empty."""
        return {self.name: [self.encode_one(item) for item in value]} if value or self.is_in_all else {}

    def decode(self, fields: Fields, account_id: str) -> tuple[Item, ...]:
        """Take the list; none is empty."""
        if not self.is_in_all and not fields.has(self.name):
            return ()
        return tuple(self.decode_one(item, account_id) for item in fields.items(self.name))


@dataclass(frozen=True, kw_only=True)
class OptionalPart(AccountPart[Item | None]):
    """A part that is one object, or nothing where it was never set."""

    @abstractmethod
    def encode_one(self, item: Item) -> dict[str, Any]:
        """Return it as a JSON object."""

    @abstractmethod
    def decode_one(self, fields: Fields, account_id: str) -> Item:
        """Decode it. Raises Tampered."""

    def encode(self, value: Item | None) -> Mapping[str, Any]:
        """Return the object, or nothing."""
        return {} if value is None else {self.name: self.encode_one(value)}

    def decode(self, fields: Fields, account_id: str) -> Item | None:
        """Take the object, if it is there."""
        return fields.optional(lambda name: self.decode_one(fields.inner(name), account_id), self.name)


def account_changed(db: DbConnection, account_id: str) -> None:
    """Increment the account's revision: the content of its object has changed, so it must be written again."""
    changed = update(accounts).where(accounts.c.id == account_id)
    db.execute(changed.values(revision=accounts.c.revision + 1))
    wake(db, Work.ACCOUNT_OBJECTS)


def of_row(kind: type[C], row: Mapping[Any, Any], **given: object) -> C:
    """Return a dataclass from the columns of a row with the names of its fields; ``given`` is not read from them."""
    return kind(**{name: row[name] for name in _names(cast("Any", kind)) if name not in given}, **given)


def row_of(value: object, **given: object) -> dict[str, Any]:
    """Return a dataclass as the columns of a row; ``given`` are those that are stored otherwise."""
    return {name: getattr(value, name) for name in _names(cast("Any", type(value)))} | given


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields_of(kind))
