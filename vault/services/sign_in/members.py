"""The people who signed in to an account: list them, remove one, let a removed one sign in again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import Role, scopes_of
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.sign_in.connection import PersonRow, account_of
from vault.errors import NotFound
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import IdentifyPeople
from vault.services.sign_in.opened_connections import OpenedConnections
from vault.services.sign_in.session_ends import log_ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person, with the roles that they have now."""

    row: PersonRow
    #: None if only the removal of the person is known.
    name: str | None
    issuer: str | None
    subject: str | None
    #: The name of the connection; None if it was deleted.
    connection: str | None
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """List, remove and readmit the people of an account; for OPERATORS, those of the whole vault."""

    database: Database
    opened: OpenedConnections
    identify_people: IdentifyPeople

    async def page(
        self, account_id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Member]:
        """Return people, the newest first, those after the item ``before``; removed ones too."""

        def read(tx: Transaction) -> tuple[Sequence[PersonRow], dict[str, Role], dict[str, str]]:
            rows = tx.people.page(account_id, before=before, limit=limit)
            names = {row.id: row.name for row in tx.sign_in.of_account(account_id)}
            return rows, {key: one.role for key, one in tx.sign_in.roles(account_id).items()}, names

        rows, roles, names = await self.database.read(read)
        return [await self._member(row, roles, names) async for row in paced(rows)]

    async def remove(self, account_id: str, person_id: str, *, actor: str) -> None:
        """Remove a person, by whatever connection: their sessions end, and they cannot sign in again.

        A repeated call changes nothing. Raises NotFound, also for another account's person.
        """
        await self.identify_people(account_id)

        def remove(tx: Transaction) -> None:
            # Exclusive: the same human may be signing in by another connection.
            tx.lock_account(account_id, exclusive=True)
            for person in _same(tx, account_id, person_id):
                if person.removed_at is not None:
                    tx.closing_acts.recall(account_of(account_id), "member.removed", person.id)
                else:
                    _remove(tx, person, actor)

        await self.database.write(remove)

    async def given_scopes(self, account_id: str) -> frozenset[Scope]:
        """Return every scope that the account's sign-in connections give: a person readmitted may get any of them."""
        roles = await self.database.read(lambda tx: tx.sign_in.roles(account_id))
        return scopes_of(one.role for one in roles.values())

    async def readmit(self, account_id: str, person_id: str, *, actor: str) -> None:
        """Let a removed person sign in again, by whatever connection. Raises NotFound.

        A repeated call changes nothing.
        """
        await self.identify_people(account_id)

        def readmit(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            for person in _same(tx, account_id, person_id):
                if person.removed_at is not None:
                    tx.people.readmit(person.id)
                    tx.events.append(_event(tx, person, "member.readmitted", actor))

        await self.database.write(readmit)

    async def _member(self, row: PersonRow, roles: dict[str, Role], names: dict[str, str]) -> Member:
        profile = await self.opened.open_profile(row)
        held = {roles[one] for one in row.role_ids if one in roles}
        return Member(
            row=row,
            name=None if profile is None else profile.name,
            issuer=None if profile is None else profile.issuer,
            subject=None if profile is None else profile.subject,
            connection=names.get(row.connection_id or ""),
            roles=tuple(sorted(held)),
        )


def _same(tx: Transaction, account_id: str, person_id: str) -> Sequence[PersonRow]:
    """Return a person of the account, and the same human by other connections. Raises NotFound."""
    person = tx.people.get(account_id, person_id)
    if person is None:
        raise NotFound("There is no such member.")
    return [person] if person.identity is None else tx.people.same(account_id, person.identity)


def _remove(tx: Transaction, person: PersonRow, actor: str) -> None:
    now = tx.now()
    tx.people.remove(person.account_id, person.id, now)
    ended = tx.person_sessions.end(person.id, now)
    log_ends(tx, person.account_id, ended, actor=actor, at=now, reason="removed")
    tx.events.append(_event(tx, person, "member.removed", actor))


def _event(tx: Transaction, person: PersonRow, kind: EventType, actor: str) -> AccessEvent:
    return AccessEvent(
        type=kind,
        at=tx.now(),
        account_id=account_of(person.account_id),
        actor=actor,
        result=person.id,
        identity=person.identity,
    )
