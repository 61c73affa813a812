"""Invite people to an account, and change what they may do."""

import secrets
from collections.abc import Callable, Sequence
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
from vault.domain.ids import new_id
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.invitation import MAX_INVITED, MemberTerms
from vault.domain.sign_in.invitation_mail import MailLanguage
from vault.errors import Busy, Refused
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.people_keys import PeopleKeys
from vault.services.shared.revoke_links import apply_roles
from vault.services.sign_in.invitation_mails import InvitationMails, SealedMail
from vault.services.sign_in.invitations import (
    Issued,
    MayGive,
    insert_unseen,
    issued_for,
    made_by,
    present,
    require_giver,
)
from vault.services.sign_in.last_admin import require_other_admin
from vault.services.sign_in.member_changes import MemberBefore, MemberChange, PrepareMember
from vault.services.sign_in.person_events import event_of, role_events, with_detail

#: What the identity of an invited person is made of, in place of an issuer.
_ISSUER: Final = "callvault/invited"
_USER_HANDLE_BYTES: Final = 64
_TRIES: Final = 3
#: Makes of what is known of a person what it is to be.
ChangeTerms = Callable[[MemberTerms], MemberTerms]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitedPeople:
    """Invite people to an account, and change them."""

    database: Database
    data_keys: PeopleKeys
    prepare: PrepareMember
    mails: InvitationMails
    clock: Clock

    async def invite(
        self,
        account_id: str,
        terms: MemberTerms,
        *,
        actor: str,
        mail_language: MailLanguage | None = None,
        approved: Approved | None = None,
    ) -> Issued:
        """Add a person, with an address that is good for 7 days. With a language the vault mails it to the person.

        Of an ``approved`` invitation that is not mailed nobody sees the address until who asked for it issues it.
        Raises Invalid, Refused, ApprovalNeeded while a rule is on.
        """
        now = self.clock()
        person, written = await self._new(account_id, terms, actor, now)
        issued = issued_for(person, actor, now, starts_at=now)
        mail = await self._mail(issued, terms, mail_language)
        events = await self._events_of_invitation(
            person, issued, terms, written, is_issued=approved is None or mail is not None
        )

        def invite(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            _require_room(tx, account_id)
            if approved is not None:
                require_giver(tx, approved, scopes_of(terms.roles))
            require_approval(tx, account_id, "member_invitation", approved, {"granted": len(written.granted)})
            tx.people.put(person)
            tx.people.change(person)
            tx.sign_in.grant(account_id, person.id, written.granted, written.agents)
            _insert(tx, issued, mail, is_seen=approved is None)
            for event in events:
                tx.events.append(event)

        await self.database.write(invite)
        return replace(issued, is_mailed=mail is not None)

    async def change(
        self,
        account_id: str,
        person_id: str,
        change: ChangeTerms,
        *,
        may_give: MayGive,
        actor: str,
        approved: Approved | None = None,
    ) -> None:
        """Write what is known of an invited person, and the roles: those that are gone end with the next request.

        ``change`` and ``may_give`` see the person as the change finds it, also if others change the person meanwhile.
        Raises NotFound, Invalid, Refused for the last administrator and for one who is removed, Busy if others keep
        changing the person, ApprovalNeeded for a role that is given while a rule is on, and what ``may_give`` raises.
        """
        for _ in range(_TRIES):
            before = await self.database.read(lambda tx: _with_roles(tx, account_id, person_id))
            known = await self.prepare.terms_of(before)
            terms = change(known)
            may_give(scopes_of(terms.roles_beyond(known)))
            if await self._write(before, known, terms, actor, approved):
                return
        raise Busy("Other requests keep changing this person. Send the request again.", retry_after=1)

    async def _events_of_invitation(
        self, person: PersonRow, issued: Issued, terms: MemberTerms, written: MemberChange, *, is_issued: bool
    ) -> Sequence[AccessEvent]:
        """Return the events of an invitation; ``is_issued``: with that of its address."""
        actor, at = issued.invitation.created_by, issued.invitation.created_at
        events = await self._events(person, "member.invited", terms, written, actor=actor, at=at)
        if not is_issued:
            return events
        given = event_of(person, "invitation.issued", issued.invitation.id, actor=actor, at=at)
        return [*events, await with_detail(self.data_keys, given, {"member": person.id})]

    async def _mail(
        self, issued: Issued, terms: MemberTerms, language: MailLanguage | None
    ) -> SealedMail | None:
        if language is None:
            return None
        account_id, secret = issued.invitation.account_id, issued.token.text
        return await self.mails.seal(account_id, secret=secret, email=terms.email, language=language)

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
            identity=await self.data_keys.identity(account_id, _ISSUER, person_id),
            user_handle=secrets.token_bytes(_USER_HANDLE_BYTES),
            invited_at=now,
            revision=1,
            makers=add_makers((), actor),
        )
        return person, written

    async def _events(
        self,
        person: PersonRow,
        kind: EventType,
        terms: MemberTerms,
        written: MemberChange,
        *,
        actor: str,
        at: datetime,
    ) -> Sequence[AccessEvent]:
        """Return the events of an invitation or a change, with those of its roles."""
        keys = self.data_keys
        event = await with_detail(
            keys, event_of(person, kind, person.id, actor=actor, at=at), {"name": terms.name}
        )
        roles = await role_events(keys, person, written.granted, written.revoked, actor=actor, at=at)
        return [event, *roles]

    async def _write(
        self,
        before: MemberBefore,
        known: MemberTerms,
        terms: MemberTerms,
        actor: str,
        approved: Approved | None,
    ) -> bool:
        """Write a change; False if the person was changed since it was read."""
        was, now = before.person, self.clock()
        account_id = was.account_id
        written = await self.prepare(account_id, was.id, terms, before)
        person = replace(
            made_by(was, actor) if written.granted else was,
            sealed_profile=written.sealed_profile,
            sealed_terms=written.sealed_terms,
            role_ids=written.role_ids,
            revision=(was.revision or 0) + 1,
        )
        events = await self._events(person, "member.changed", terms, written, actor=actor, at=now)

        def write(tx: Transaction) -> bool:
            tx.lock_account(account_id, exclusive=True)
            if present(tx, account_id, was.id).revision != was.revision:
                return False
            if "admin" not in terms.roles:
                require_other_admin(tx, was)
            _require_approval(tx, was, written, scopes_of(terms.roles_beyond(known)), approved)
            for role_id in written.revoked:
                tx.sign_in.revoke(role_id)
            tx.sign_in.grant(account_id, was.id, written.granted, written.agents)
            tx.people.change(person)
            apply_roles(tx, account_id, was.id, at=now, actor=actor)
            for event in events:
                tx.events.append(event)
            return True

        return await self.database.write(write)


def _insert(tx: Transaction, issued: Issued, mail: SealedMail | None, *, is_seen: bool) -> None:
    """Insert the address of a new person; where nobody may see or mail it yet, without a secret that anybody knows."""
    if mail is None and not is_seen:
        insert_unseen(tx, issued)
        return
    tx.member_invitations.insert(issued.invitation, issued.token.digest)
    if mail is not None:
        mail.put(tx, issued.invitation)


def _require_room(tx: Transaction, account_id: str) -> None:
    if len(tx.people.invited(account_id)) >= MAX_INVITED:
        text = Sentence("An account has at most %(most)s invited people. Remove some.", most=MAX_INVITED)
        raise Refused(text, reasons=("too_many",))


def _require_approval(
    tx: Transaction,
    was: PersonRow,
    written: MemberChange,
    given: frozenset[Scope],
    approved: Approved | None,
) -> None:
    """Let roles that are given pass, or raise as ``require_approval`` does. It holds for the person as it is."""
    if approved is not None:
        require_giver(tx, approved, given)
    elif not written.granted:
        return
    counts = {"granted": len(written.granted), "revoked": len(written.revoked)}
    effect = {"from_revision": was.revision or 0, **counts}
    require_approval(tx, was.account_id, "member_roles", approved, effect)


def _with_roles(tx: Transaction, account_id: str, person_id: str) -> MemberBefore:
    person, roles = present(tx, account_id, person_id), tx.sign_in.roles(account_id)
    own = {(roles[one].role, frozenset(roles[one].agents)): one for one in person.role_ids if one in roles}
    return MemberBefore(person=person, roles=own)
