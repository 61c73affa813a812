"""An account's object: the account's rows except recordings, so that the bucket alone is enough for a restore.

It is an envelope (``vault/domain/stored/account_envelope.py``) with a sealed text. The text has the account and its
parts: one module of ``account_parts`` for each. API keys, links and their sessions are only in the database: access to
the bucket must not give access to the vault.

Each change is written under a new key (``vault/domain/stored/account_object_name.py``), and the older objects are
deleted afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection as DbConnection
from sqlalchemy import select

from vault.database import account_parts
from vault.database.account_parts.keys import KEYS
from vault.database.account_parts.part import AccountPart, Source, Target, of_row
from vault.database.schema.core import accounts
from vault.database.sql.dialect import database_now
from vault.domain.accounts.account import Account
from vault.domain.stored.account_envelope import Envelope
from vault.domain.stored.dataclass_json import encode_fields, read_fields
from vault.domain.stored.json_reader import read_object, write_object
from vault.errors import NotFound, Tampered

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountObject:
    """All data of an account that can be restored from the bucket alone."""

    account: Account
    #: Incremented with each change of this content.
    revision: int
    #: When this was read from the database, by its clock: it includes all earlier changes.
    as_of: datetime
    #: The value of each part, by the part's name.
    values: Mapping[str, Any]

    def __getitem__(self, part: AccountPart[T]) -> T:
        """Return the value of a part."""
        return cast("T", self.values[part.name])


def _find_parts() -> tuple[AccountPart[Any], ...]:
    """Return the parts in all modules of ``account_parts``, the keys first: the rows that they seal come after them."""
    parts: dict[str, AccountPart[Any]] = {KEYS.name: KEYS}
    for module in iter_modules(account_parts.__path__, f"{account_parts.__name__}."):
        own = [one for one in vars(import_module(module.name)).values() if isinstance(one, AccountPart)]
        if not own and module.name != AccountPart.__module__:
            raise TypeError(f"{module.name} has no part: an account's object would lack its setting.")
        for part in own:
            if parts.setdefault(part.name, part) is not part:
                raise TypeError(f"Two parts of an account's object have the name {part.name}.")
    return tuple(parts.values())


PARTS: Final = _find_parts()


def read_account(db: DbConnection, account_id: str) -> AccountObject:
    """Return an account with all its parts from the rows. Raises NotFound."""
    row = db.execute(select(accounts).where(accounts.c.id == account_id)).mappings().first()
    if row is None:
        raise NotFound("There is no such account.")
    source = Source(db=db, account_id=account_id, account=row)
    return AccountObject(
        account=of_row(Account, row),
        revision=row["revision"],
        as_of=database_now(db),
        values={part.name: part.read(source) for part in PARTS},
    )


def encode_account(content: AccountObject) -> bytes:
    """Encode the text to be sealed."""
    values: dict[str, Any] = {**encode_fields(content.account), "as_of": content.as_of}
    for part in PARTS:
        values |= part.encode(content[part])
    return write_object(values)


def decode_account(data: bytes, envelope: Envelope) -> AccountObject:
    """Decode the decrypted text of an envelope. Raises Tampered."""
    fields = read_object(data, "An account's sealed text")
    account = read_fields(Account, fields)
    if account.id != envelope.account_id:
        raise Tampered("An account's object belongs to another account.")
    content = AccountObject(
        account=account,
        revision=envelope.revision,
        as_of=fields.moment("as_of"),
        values={part.name: part.decode(fields, account.id) for part in PARTS},
    )
    fields.done()
    return content


def replace_parts(content: AccountObject, target: Target, *, keep_keys: bool) -> list[str]:
    """Replace an account's rows by the parts of a later object; return words for what is left out.

    With ``keep_keys`` all existing versions of its key stay, and those of the object are added.
    """
    left_out = []
    for part in PARTS:
        bring_in = part.add_lost if keep_keys and part is KEYS else part.replace
        left_out += bring_in(content[part], target)
    return left_out


def add_lost_parts(content: AccountObject, target: Target) -> list[str]:
    """Add to an account's rows what they lack of an object of a lost history; return words for what is left out."""
    return [words for part in PARTS for words in part.add_lost(content[part], target)]


def differences(stored: AccountObject, own: AccountObject) -> list[str]:
    """Return words for what differs between an object and the rows, but for the times at which they were read."""
    words = {words for part in PARTS for words in part.differences(stored[part], own[part])}
    return sorted(words if stored.account == own.account else words | {"name"})
