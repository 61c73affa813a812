"""Sign-in connections, their roles, people, and attempts to sign in."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import and_, delete, insert, or_, select, update

from vault.database.account_parts.members import forget_invited
from vault.database.account_parts.part import account_changed
from vault.database.schema.sign_in import people, sign_in_attempts, sign_in_connections, sign_in_roles
from vault.database.sql.dialect import insert_new
from vault.database.stores.rows import Rows
from vault.domain.accounts.makers import NOT_KNOWN, add_makers
from vault.domain.accounts.roles import Role, RoleGrant
from vault.domain.sign_in.connection import OPERATORS, PersonRow, RoleMapping, SealedConnection

_C, _R, _P, _A = sign_in_connections.c, sign_in_roles.c, people.c, sign_in_attempts.c
_CONNECTION = [_C[name] for name in SealedConnection.__slots__]
#: Max attempts that one new attempt deletes.
_BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAttempt:
    """An attempt to sign in, taken out of the table."""

    connection_id: str
    secret_hash: bytes
    return_path: str
    ends_at: datetime


class SignInRows(Rows):
    """Connections, roles and attempts of one transaction."""

    def find(self, account_id: str, name: str) -> SealedConnection | None:
        """Return an account's connection by name."""
        return self._first((_C.account_id == account_id) & (_C.name == name))

    def get(self, connection_id: str) -> SealedConnection | None:
        """Return a connection of any account by its id, which is in its sign-in address."""
        return self._first(_C.id == connection_id)

    def of_account(self, account_id: str) -> Sequence[SealedConnection]:
        """Return an account's connections, ordered by name."""
        query = select(*_CONNECTION).where(_C.account_id == account_id).order_by(_C.name)
        return [SealedConnection(**row._mapping) for row in self._db.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name

    def put(self, row: SealedConnection) -> bool:
        """Insert revision 1, or write over the one before, with its makers; False if that is not the stored one."""
        account_changed(self._db, row.account_id)
        row = replace(row, makers=add_makers(self._earlier_makers(row), *row.all_makers))
        values = {name: getattr(row, name) for name in SealedConnection.__slots__}
        if row.revision == 1:
            return bool(insert_new(self._db, sign_in_connections, values))
        before = (_C.id == row.id) & (_C.revision == row.revision - 1)
        return bool(self._db.execute(update(sign_in_connections).where(before).values(values)).rowcount)

    def note_claims(self, connection_id: str, sealed_claims: str) -> None:
        """Note which claims the last sign-in carried, in the place of those before."""
        mine = _C.id == connection_id
        self._db.execute(update(sign_in_connections).where(mine).values(sealed_claims=sealed_claims))

    def last_claims(self, account_id: str, name: str) -> str | None:
        """Return which claims the last sign-in by an account's connection carried; None before the first."""
        query = select(_C.sealed_claims).where(_C.account_id == account_id, _C.name == name)
        found: str | None = self._db.execute(query).scalar()
        return found

    def delete(self, connection_id: str) -> None:
        """Delete a connection with its roles and attempts. The account's object becomes due, as with each change."""
        row = self.get(connection_id)
        if row is not None:
            account_changed(self._db, row.account_id)
        for table, column in (
            (sign_in_roles, _R.connection_id),
            (sign_in_attempts, _A.connection_id),
            (sign_in_connections, _C.id),
        ):
            self._db.execute(delete(table).where(column == connection_id))

    def grant(
        self,
        account_id: str,
        giver_id: str,
        mappings: Iterable[RoleMapping],
        agents: Mapping[str, bytes],
    ) -> None:
        """Insert the rows of new mappings of a connection, or of roles of an invited person: ``giver_id``.

        ``agents`` has the keyed hash of each agent's name.
        """
        for mapping in mappings:
            values = {
                "id": mapping.id,
                "connection_id": giver_id,
                "account_id": account_id,
                "role": mapping.role,
                "agents": [agents[name].hex() for name in mapping.agents] or None,
            }
            self._db.execute(insert(sign_in_roles).values(values))

    def revoke(self, mapping_id: str) -> None:
        """Delete the row of a mapping, or of a role of an invited person: its people lose the role."""
        gone = delete(sign_in_roles).where(_R.id == mapping_id).returning(_R.account_id)
        for account_id in self._db.execute(gone).scalars().all():
            account_changed(self._db, account_id)

    def roles(self, account_id: str) -> Mapping[str, RoleGrant]:
        """Return what each mapping of an account gives that still gives something, by its id."""
        query = select(_R.id, _R.role, _R.agents).where(_R.account_id == account_id)
        return {
            row.id: RoleGrant(role=cast("Role", row.role), agents=tuple(row.agents or ()))
            for row in self._db.execute(query)
        }

    def begin(self, digest: bytes, attempt: StoredAttempt, now: datetime) -> None:
        """Insert an attempt by the hash of its state, and delete some that are over."""
        self._forget(now)
        values = {name: getattr(attempt, name) for name in StoredAttempt.__slots__}
        self._db.execute(insert(sign_in_attempts).values(values | {"digest": digest}))

    def take(self, digest: bytes) -> StoredAttempt | None:
        """Delete an attempt and return it, so that its state is good for one answer."""
        mine = (sign_in_attempts.c.digest == digest) & _A.secret_hash.is_not(None)
        columns = [_A[name] for name in StoredAttempt.__slots__]
        row = self._db.execute(delete(sign_in_attempts).where(mine).returning(*columns)).first()
        return None if row is None else StoredAttempt(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name

    def take_once(self, digest: bytes, connection_id: str, ends_at: datetime, now: datetime) -> bool:
        """Note a logout token until it is over; False if it was noted before."""
        self._forget(now)
        values = {"digest": digest, "connection_id": connection_id, "ends_at": ends_at}
        return bool(insert_new(self._db, sign_in_attempts, values))

    def _earlier_makers(self, row: SealedConnection) -> tuple[str, ...]:
        """Return who set a connection before. Of one that is made again under its old id nobody knows who did."""
        before = self.get(row.id)
        if before is not None:
            return before.all_makers
        used = select(_P.id).where(_P.account_id == row.account_id, _P.connection_id == row.id).limit(1)
        # Only the operator sets the connections of operators.
        is_again = row.account_id != OPERATORS and self._db.execute(used).first() is not None
        return (NOT_KNOWN,) if is_again else ()

    def _forget(self, now: datetime) -> None:
        old = select(_A.digest).where(_A.ends_at < now).limit(_BATCH_SIZE)
        self._db.execute(delete(sign_in_attempts).where(_A.digest.in_(old)))

    def _first(self, condition: Any) -> SealedConnection | None:
        row = self._db.execute(select(*_CONNECTION).where(condition)).first()
        return None if row is None else SealedConnection(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


class PersonRows(Rows):
    """People of one transaction."""

    def get(self, account_id: str, person_id: str) -> PersonRow | None:
        """Return a person of an account."""
        query = select(people).where(_P.id == person_id, _P.account_id == account_id)
        row = self._db.execute(query).mappings().first()
        return None if row is None else person_of(row)

    def same(self, account_id: str, identity: str) -> Sequence[PersonRow]:
        """Return the people of an account who are this human, by whatever connection."""
        query = select(people).where(_P.account_id == account_id, _P.identity == identity).order_by(_P.id)
        return [person_of(row) for row in self._db.execute(query).mappings()]

    def without_identity(self, account_id: str, *, after: str, limit: int) -> Sequence[PersonRow]:
        """Return people of an earlier release whose identity can be computed, those whose id is above ``after``."""
        mine = (_P.account_id == account_id) & _P.identity.is_(None) & _P.sealed_profile.is_not(None)
        query = select(people).where(mine, _P.id > after).order_by(_P.id).limit(limit)
        return [person_of(row) for row in self._db.execute(query).mappings()]

    def identify(self, person_id: str, identity: str) -> None:
        """Note the identity of a person who has none."""
        unknown = (_P.id == person_id) & _P.identity.is_(None)
        self._db.execute(update(people).where(unknown).values(identity=identity))

    def put(self, person: PersonRow) -> None:
        """Insert a person, or write what a later sign-in says; ``first_at`` and ``removed_at`` stay."""
        values = {name: getattr(person, name) for name in PersonRow.__slots__}
        values["role_ids"] = list(person.role_ids)
        if insert_new(self._db, people, values):
            return
        said = ("connection_id", "sealed_profile", "role_ids", "last_at", "identity")
        changed = {name: values[name] for name in said}
        self._db.execute(update(people).where(_P.id == person.id).values(changed))

    def remove(self, account_id: str, person_id: str, at: datetime, *, identity: str | None = None) -> None:
        """Remove a person, also one that this database does not know yet, so that the person cannot sign in."""
        unknown = {
            "id": person_id, "account_id": account_id, "role_ids": [], "first_at": at, "last_at": at, "removed_at": at,
            "identity": identity,
        }  # fmt: skip
        if not insert_new(self._db, people, unknown):
            if identity is not None:
                self.identify(person_id, identity)
            mine = (_P.id == person_id) & (_P.account_id == account_id) & _P.removed_at.is_(None)
            self._db.execute(
                update(people).where(mine).values(removed_at=at, role_ids=[], revision=_P.revision + 1)
            )
            self._forget_invited(account_id, person_id, at)

    def change(self, person: PersonRow) -> None:
        """Write what an administrator changes of an invited person; the account's object becomes due."""
        account_changed(self._db, person.account_id)
        changed = {
            name: getattr(person, name)
            for name in ("sealed_profile", "sealed_terms", "role_ids", "revision", "makers")
        }
        mine = (_P.id == person.id) & (_P.account_id == person.account_id)
        self._db.execute(update(people).where(mine).values(changed | {"role_ids": list(person.role_ids)}))

    def invited(self, account_id: str) -> Sequence[PersonRow]:
        """Return the invited people of an account who are not removed."""
        mine = (_P.account_id == account_id) & _P.user_handle.is_not(None) & _P.removed_at.is_(None)
        rows = self._db.execute(select(people).where(mine).order_by(_P.id)).mappings()
        return [person_of(row) for row in rows]

    def signed_in(self, person_id: str, at: datetime) -> None:
        """Note the sign-in of an invited person."""
        self._db.execute(update(people).where(_P.id == person_id, _P.last_at < at).values(last_at=at))

    def readmit(self, person_id: str) -> None:
        """Let a removed person sign in again; an invited one has no roles and no passkeys."""
        back = update(people).where(_P.id == person_id).returning(_P.account_id)
        values = {"removed_at": None, "revision": _P.revision + 1}
        for account_id in self._db.execute(back.values(values)).scalars().all():
            account_changed(self._db, account_id)

    def _forget_invited(self, account_id: str, person_id: str, at: datetime) -> None:
        """Take roles, passkeys and invitations of a person who is removed; a readmission gives none of them back."""
        forget_invited(self._db, account_id, person_id, at)
        account_changed(self._db, account_id)

    def of_connection(self, account_id: str, connection_id: str) -> Sequence[PersonRow]:
        """Return the people who signed in by a connection and are not removed."""
        mine = (_P.account_id == account_id) & (_P.connection_id == connection_id) & _P.removed_at.is_(None)
        return [person_of(row) for row in self._db.execute(select(people).where(mine)).mappings()]

    def of_identities(
        self, account_id: str, connection_id: str, identities: Collection[str]
    ) -> Sequence[PersonRow]:
        """Return those of a connection's people who are one of these humans and are not removed."""
        mine = (_P.account_id == account_id) & (_P.connection_id == connection_id) & _P.removed_at.is_(None)
        query = select(people).where(mine, _P.identity.in_(identities)).order_by(_P.id)
        return [person_of(row) for row in self._db.execute(query).mappings()]

    def give(self, person: PersonRow, role_ids: Sequence[str]) -> None:
        """Write which mappings give a person of a provider something now."""
        mine = (_P.id == person.id) & (_P.account_id == person.account_id)
        self._db.execute(update(people).where(mine).values(role_ids=list(role_ids)))

    def page(
        self, account_id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[PersonRow]:
        """Return people, the newest first, those after the item ``before``."""
        query = select(people).where(_P.account_id == account_id)
        if before is not None:
            at, person_id = before
            query = query.where(or_(_P.first_at < at, and_(_P.first_at == at, _P.id < person_id)))
        rows = self._db.execute(query.order_by(_P.first_at.desc(), _P.id.desc()).limit(limit)).mappings()
        return [person_of(row) for row in rows]


def person_of(row: Mapping[Any, Any]) -> PersonRow:
    """Convert a row of people to a PersonRow."""
    values = {name: row[name] for name in PersonRow.__slots__}
    return PersonRow(**values | {"role_ids": tuple(row["role_ids"])})
