"""The people of an account, of providers and invited: list them, remove one, let a removed one sign in again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Scope
from vault.domain.accounts.roles import Role, scopes_of
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.sign_in.connection import PersonRow, account_of
from vault.domain.sign_in.invitation import Invitation, decode_terms
from vault.errors import NotFound
from vault.services.shared.paced import paced
from vault.services.shared.people_keys import IdentifyPeople
from vault.services.sign_in.end_person import end_invitations
from vault.services.sign_in.invitation_mails import MailShown, mails_of
from vault.services.sign_in.last_admin import require_other_admin
from vault.services.sign_in.opened_connections import OpenedConnections
from vault.services.sign_in.person_events import event_of
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
    #: Of an invited person, as they were entered.
    email: str | None = field(default=None, repr=False)
    agents: tuple[str, ...] = ()
    passkeys: int = 0
    #: The address that can be used now or later.
    invitation: Invitation | None = None
    #: How its mail stands, if the vault mails it.
    mail: MailShown | None = None

    @property
    def signed_in_at(self) -> datetime | None:
        """Return when the person last signed in; None before the first time."""
        invited_at = self.row.invited_at
        return self.row.last_at if invited_at is None or self.row.last_at > invited_at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """People, and what is known of them besides."""

    rows: Sequence[PersonRow]
    roles: Mapping[str, Role]
    #: Names of connections.
    names: Mapping[str, str]
    passkeys: Mapping[str, int]
    invitations: Mapping[str, Invitation]
    #: By the id of the invitation.
    mails: Mapping[str, MailShown]


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
        found = await self.database.read(
            lambda tx: _found(tx, account_id, tx.people.page(account_id, before=before, limit=limit))
        )
        return [await self._member(row, found) async for row in paced(found.rows)]

    async def get(self, account_id: str, person_id: str) -> Member:
        """Return one person. Raises NotFound, also for another account's person."""

        def read(tx: Transaction) -> _Found:
            person = tx.people.get(account_id, person_id)
            if person is None:
                raise NotFound("There is no such member.")
            return _found(tx, account_id, [person])

        found = await self.database.read(read)
        return await self._member(found.rows[0], found)

    async def remove(self, account_id: str, person_id: str, *, actor: str) -> None:
        """Remove a person, by whatever connection: their sessions end, and they cannot sign in again.

        A repeated call changes nothing. Raises NotFound, also for another account's person, Refused for the last
        administrator.
        """
        await self.identify_people(account_id)

        def remove(tx: Transaction) -> None:
            # Exclusive: the same human may be signing in by another connection.
            tx.lock_account(account_id, exclusive=True)
            for person in _same(tx, account_id, person_id):
                if person.is_invited:
                    require_other_admin(tx, person)
                if person.removed_at is not None:
                    tx.closing_acts.recall(account_of(account_id), "member.removed", person.id)
                else:
                    _remove(tx, person, actor)

        await self.database.write(remove)

    async def end_sessions(self, account_id: str, person_id: str, *, actor: str) -> None:
        """End all sessions of a person, by whatever connection, with what is heard in them.

        The person may sign in again. A repeated call changes nothing. Raises NotFound.
        """
        await self.identify_people(account_id)

        def end(tx: Transaction) -> None:
            # Exclusive: the same human may be signing in by another connection.
            tx.lock_account(account_id, exclusive=True)
            now = tx.now()
            for person in _same(tx, account_id, person_id):
                ended = tx.person_sessions.end(person.id, now)
                log_ends(tx, account_id, ended, actor=actor, at=now, reason="ended")
            # Ends of an earlier request whose objects are not known to be stored.
            tx.closing_acts.recall(account_of(account_id), "console.ended")

        await self.database.write(end)

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

    async def _member(self, row: PersonRow, found: _Found) -> Member:
        profile = await self.opened.open_profile(row)
        email, agents = decode_terms(
            await self.opened.data_keys.open_words(row.account_id, "member", row.sealed_terms)
        )
        held = {found.roles[one] for one in row.role_ids if one in found.roles}
        invitation = found.invitations.get(row.id)
        return Member(
            row=row,
            name=None if profile is None else profile.name,
            issuer=None if profile is None else profile.issuer or None,
            subject=None if profile is None or row.is_invited else profile.subject,
            connection=found.names.get(row.connection_id or ""),
            roles=tuple(sorted(held)),
            email=email,
            agents=agents,
            passkeys=found.passkeys.get(row.id, 0),
            invitation=invitation,
            mail=None if invitation is None else found.mails.get(invitation.id),
        )


def _found(tx: Transaction, account_id: str, rows: Sequence[PersonRow]) -> _Found:
    """Return people with what is known of them."""
    invited = [row.id for row in rows if row.is_invited]
    invitations = tx.member_invitations.open(account_id, invited, tx.now())
    return _Found(
        rows=rows,
        roles={key: one.role for key, one in tx.sign_in.roles(account_id).items()},
        names={row.id: row.name for row in tx.sign_in.of_account(account_id)},
        passkeys=tx.passkeys.counts(account_id, invited),
        invitations={one.person_id: one for one in invitations},
        mails=mails_of(tx, invitations),
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
    issued = tx.member_invitations.open_by(person.account_id, [person.id], now)
    end_invitations(tx, person.account_id, issued, at=now, actor=actor)
    tx.events.append(_event(tx, person, "member.removed", actor))


def _event(tx: Transaction, person: PersonRow, kind: EventType, actor: str) -> AccessEvent:
    """Return an event about the human, whatever connection the person comes by."""
    return replace(event_of(person, kind, person.id, actor=actor, at=tx.now()), identity=person.identity)
