"""Invite people, change what they may do, and give out addresses at which they make a passkey."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Scope
from vault.domain.accounts.makers import add_makers
from vault.domain.accounts.roles import scopes_of
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import Token, new_id
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.invitation import (
    LIFE,
    MAX_INVITED,
    RECOVERY_WAIT,
    Invitation,
    MemberTerms,
)
from vault.errors import Busy, NotFound, Refused
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.people_keys import PeopleKeys
from vault.services.shared.revoke_links import apply_roles
from vault.services.sign_in.last_admin import require_other_admin
from vault.services.sign_in.member_changes import MemberBefore, MemberChange, PrepareMember

#: What the identity of an invited person is made of, in place of an issuer.
_ISSUER: Final = "callvault/invited"
_USER_HANDLE_BYTES: Final = 64
_TRIES: Final = 3
#: Makes of what is known of a person what it is to be.
ChangeTerms = Callable[[MemberTerms], MemberTerms]
#: Raises an error unless whoever asks may give these scopes. It is called in a transaction.
MayGive = Callable[[frozenset[Scope]], None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Issued:
    """An address, and the secret in it, which is shown once."""

    invitation: Invitation
    token: Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitations:
    """Invite people to an account, change them, and give them addresses for passkeys."""

    database: Database
    data_keys: PeopleKeys
    prepare: PrepareMember
    clock: Clock

    async def invite(self, account_id: str, terms: MemberTerms, *, actor: str) -> Issued:
        """Add a person, with an address that is good for 7 days. Raises Invalid, Refused."""
        now = self.clock()
        person, written = await self._new(account_id, terms, actor, now)
        issued = _issued(person, actor, now, starts_at=now)
        events = [
            await self._sealed(_plain(person, "member.invited", person.id, actor, now), {"name": terms.name}),
            *await self._role_events(person, written, actor, now),
            await self._sealed(
                _plain(person, "invitation.issued", issued.invitation.id, actor, now), {"member": person.id}
            ),
        ]

        def invite(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            if len(tx.people.invited(account_id)) >= MAX_INVITED:
                text = Sentence(
                    "An account has at most %(most)s invited people. Remove some.", most=MAX_INVITED
                )
                raise Refused(text, reasons=("too_many",))
            tx.people.put(person)
            tx.people.change(person)
            tx.sign_in.grant(account_id, person.id, written.granted, written.agents)
            tx.member_invitations.insert(issued.invitation, issued.token.digest)
            for event in events:
                tx.events.append(event)

        await self.database.write(invite)
        return issued

    async def change(
        self, account_id: str, person_id: str, change: ChangeTerms, *, may_give: MayGive, actor: str
    ) -> None:
        """Write what is known of an invited person, and the roles: those that are gone end with the next request.

        ``change`` and ``may_give`` see the person as the change finds it, also if others change the person meanwhile.
        Raises NotFound, Invalid, Refused for the last administrator and for one who is removed, Busy if others keep
        changing the person, and what ``may_give`` raises.
        """
        for _ in range(_TRIES):
            if await self._try(account_id, person_id, change, may_give, actor):
                return
        raise Busy("Other requests keep changing this person. Send the request again.", retry_after=1)

    async def issue(self, account_id: str, person_id: str, *, may_give: MayGive, actor: str) -> Issued:
        """Return another address for an invited person; those before it are revoked.

        Whoever has an address becomes the person: ``may_give`` gets every scope that the person has. Of a person who
        has passkeys it can be used after 24 hours, in which it can be revoked. Raises NotFound, Refused for one who is
        removed, and what ``may_give`` raises.
        """
        now, event_id = self.clock(), new_id("evt")
        sealed = await self.data_keys.seal_detail(account_id, event_id, {"member": person_id})

        def issue(tx: Transaction) -> Issued:
            tx.lock_account(account_id, exclusive=True)
            person = _present(tx, account_id, person_id)
            roles = tx.sign_in.roles(account_id)
            may_give(scopes_of(roles[one].role for one in person.role_ids if one in roles))
            _end_open(tx, person, actor, now)
            has_passkeys = bool(tx.passkeys.of_person(account_id, person_id))
            issued = _issued(person, actor, now, starts_at=now + RECOVERY_WAIT if has_passkeys else now)
            tx.member_invitations.insert(issued.invitation, issued.token.digest)
            tx.people.change(_made_by(person, actor))
            event = _plain(person, "invitation.issued", issued.invitation.id, actor, now)
            tx.events.append(replace(event, id=event_id, sealed_detail=sealed))
            return issued

        return await self.database.write(issue)

    async def revoke(self, account_id: str, person_id: str, invitation_id: str, *, actor: str) -> None:
        """Revoke an address; a repeated call changes nothing. Raises NotFound."""
        now = self.clock()

        def revoke(tx: Transaction) -> None:
            person = _invited(tx, account_id, person_id)
            found = tx.member_invitations.get(account_id, invitation_id)
            if found is None or found.person_id != person_id:
                raise NotFound("There is no such invitation.")
            if tx.member_invitations.end(account_id, invitation_id, now):
                tx.events.append(_plain(person, "invitation.ended", invitation_id, actor, now))
            else:
                tx.closing_acts.recall(account_id, "invitation.ended", invitation_id)

        await self.database.write(revoke)

    async def _new(
        self, account_id: str, terms: MemberTerms, actor: str, now: datetime
    ) -> tuple[PersonRow, MemberChange]:
        """Return a person who is not stored so far, and what is stored with the person."""
        person_id = new_id("per")
        written = await self.prepare(account_id, person_id, terms, None)
        person = PersonRow(
            id=person_id,
            account_id=account_id,
            connection_id=None,
            sealed_profile=written.sealed_profile,
            sealed_terms=written.sealed_terms,
            role_ids=tuple(one.id for one in written.granted),
            first_at=now,
            last_at=now,
            removed_at=None,
            identity=self.data_keys.identity(account_id, _ISSUER, person_id),
            user_handle=secrets.token_bytes(_USER_HANDLE_BYTES),
            invited_at=now,
            revision=1,
            makers=add_makers((), actor),
        )
        return person, written

    async def _try(
        self, account_id: str, person_id: str, wanted: ChangeTerms, may_give: MayGive, actor: str
    ) -> bool:
        """Write a change; False if the person was changed since it was read."""
        before = await self.database.read(lambda tx: _with_roles(tx, account_id, person_id))
        known = await self.prepare.terms_of(before)
        terms = wanted(known)
        may_give(scopes_of(terms.roles_beyond(known)))
        now = self.clock()
        written = await self.prepare(account_id, person_id, terms, before)
        person = replace(
            _made_by(before.person, actor) if written.granted else before.person,
            sealed_profile=written.sealed_profile,
            sealed_terms=written.sealed_terms,
            role_ids=written.role_ids,
            revision=(before.person.revision or 0) + 1,
        )
        events = [
            await self._sealed(_plain(person, "member.changed", person_id, actor, now), {"name": terms.name}),
            *await self._role_events(person, written, actor, now),
        ]

        def change(tx: Transaction) -> bool:
            tx.lock_account(account_id, exclusive=True)
            if _present(tx, account_id, person_id).revision != before.person.revision:
                return False
            if "admin" not in terms.roles:
                require_other_admin(tx, before.person)
            for role_id in written.revoked:
                tx.sign_in.revoke(role_id)
            tx.sign_in.grant(account_id, person_id, written.granted, written.agents)
            tx.people.change(person)
            apply_roles(tx, account_id, person_id, at=now, actor=actor)
            for event in events:
                tx.events.append(event)
            return True

        return await self.database.write(change)

    async def _role_events(
        self, person: PersonRow, written: MemberChange, actor: str, now: datetime
    ) -> Sequence[AccessEvent]:
        events = []
        for one in written.granted:
            detail = {"member": person.id, "role": one.role}
            if one.agents:
                detail["agents"] = ", ".join(one.agents)
            events.append(await self._sealed(_plain(person, "role.granted", one.id, actor, now), detail))
        return events + [_plain(person, "role.revoked", role_id, actor, now) for role_id in written.revoked]

    async def _sealed(self, event: AccessEvent, detail: Mapping[str, str]) -> AccessEvent:
        """Return an event with its personal data."""
        sealed = await self.data_keys.seal_detail(event.account_id or "", event.id, detail)
        return replace(event, sealed_detail=sealed)


def _invited(tx: Transaction, account_id: str, person_id: str) -> PersonRow:
    """Return an invited person. Raises NotFound, also for a person of a provider, whom the provider describes."""
    person = tx.people.get(account_id, person_id)
    if person is None or not person.is_invited:
        raise NotFound("There is no such invited person.")
    return person


def _present(tx: Transaction, account_id: str, person_id: str) -> PersonRow:
    """Return an invited person who is not removed. Raises NotFound, Refused."""
    person = _invited(tx, account_id, person_id)
    if person.removed_at is not None:
        raise Refused("This person is removed. Readmit the person first.", reasons=("removed",))
    return person


def _with_roles(tx: Transaction, account_id: str, person_id: str) -> MemberBefore:
    person, roles = _present(tx, account_id, person_id), tx.sign_in.roles(account_id)
    own = {(roles[one].role, frozenset(roles[one].agents)): one for one in person.role_ids if one in roles}
    return MemberBefore(person=person, roles=own)


def _made_by(person: PersonRow, actor: str) -> PersonRow:
    """Return a person with one more who can be that person: an address or a role was given."""
    return replace(person, makers=add_makers(person.makers, actor), revision=(person.revision or 0) + 1)


def _issued(person: PersonRow, actor: str, now: datetime, *, starts_at: datetime) -> Issued:
    invitation = Invitation(
        id=new_id("inv"),
        account_id=person.account_id,
        person_id=person.id,
        created_at=now,
        created_by=actor,
        starts_at=starts_at,
        ends_at=starts_at + LIFE,
    )
    return Issued(invitation=invitation, token=Token.new())


def _end_open(tx: Transaction, person: PersonRow, actor: str, now: datetime) -> None:
    """Revoke the open addresses of a person."""
    for one in tx.member_invitations.open(person.account_id, [person.id], now):
        if tx.member_invitations.end(person.account_id, one.id, now):
            tx.events.append(_plain(person, "invitation.ended", one.id, actor, now))


def _plain(person: PersonRow, kind: EventType, result: str, actor: str, at: datetime) -> AccessEvent:
    """Return an event without personal data."""
    return AccessEvent(type=kind, at=at, account_id=person.account_id, actor=actor, result=result)
