"""Give invited people addresses at which they make a passkey, and revoke them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Scope
from vault.domain.accounts.makers import add_makers
from vault.domain.accounts.roles import scopes_of
from vault.domain.ids import Token, new_id
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.invitation import LIFE, RECOVERY_WAIT, Invitation
from vault.domain.sign_in.invitation_mail import MailLanguage
from vault.errors import Busy, NotFound, Refused
from vault.ports.clock import Clock
from vault.services.shared.approval_gate import Approved, may, require_approval
from vault.services.shared.people_keys import PeopleKeys
from vault.services.sign_in.end_person import end_invitations
from vault.services.sign_in.invitation_mails import InvitationMails, SealedMail
from vault.services.sign_in.person_events import event_of

#: Raises an error unless whoever asks may give these scopes. It is called in a transaction.
MayGive = Callable[[frozenset[Scope]], None]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Issued:
    """An address, and the secret in it, which is shown once."""

    invitation: Invitation
    token: Token
    #: The vault mails it, so nobody else is shown it.
    is_mailed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitations:
    """Give out addresses for passkeys, and revoke them."""

    database: Database
    data_keys: PeopleKeys
    mails: InvitationMails
    clock: Clock

    async def issue(
        self,
        account_id: str,
        person_id: str,
        *,
        may_give: MayGive,
        actor: str,
        mail_language: MailLanguage | None = None,
    ) -> Issued:
        """Return another address for an invited person; those before it are revoked.

        Whoever has an address becomes the person: ``may_give`` gets every scope that the person has. Of a person who
        has passkeys it can be used after 24 hours, in which it can be revoked. Where a second person approved an
        address that this actor asked for, it is that one. With a language the vault mails it to the person. Raises
        NotFound, Invalid if it cannot be mailed, Refused for one who is removed, Busy, ApprovalNeeded while a rule is
        on, and what ``may_give`` raises.
        """
        made = await self._prepare(account_id, person_id, actor, mail_language)

        def issue(tx: Transaction) -> Issued:
            tx.lock_account(account_id, exclusive=True)
            person = made.still(present(tx, account_id, person_id))
            may_give(_scopes(tx, person))
            approved = _approved_for(tx, person, actor, made.now)
            if approved is None:
                _require_approval(tx, person, None)
                end_open(tx, person, actor, made.now)
                tx.people.change(made_by(person, actor))
            return made.issue(tx, person, approved)

        return await self.database.write(issue)

    async def allow(
        self,
        account_id: str,
        person_id: str,
        *,
        approved: Approved,
        mail_language: MailLanguage | None = None,
    ) -> None:
        """Let who asked for another address of a person have it once, or mail it, as a second person approved.

        Raises NotFound, Invalid, Refused, also if who asked may not give it any more, EffectChanged, Busy.
        """
        actor = approved.actor
        made = await self._prepare(account_id, person_id, actor, mail_language)

        def allow(tx: Transaction) -> None:
            tx.lock_account(account_id, exclusive=True)
            person = made.still(present(tx, account_id, person_id))
            require_giver(tx, approved, _scopes(tx, person))
            _require_approval(tx, person, approved)
            end_open(tx, person, actor, made.now)
            tx.people.change(made_by(person, actor))
            if made.mail is None:
                insert_unseen(tx, issued_for(person, actor, made.now, starts_at=made.now))
            else:
                made.issue(tx, person, None)

        await self.database.write(allow)

    async def revoke(self, account_id: str, person_id: str, invitation_id: str, *, actor: str) -> None:
        """Revoke an address; a repeated call changes nothing. Raises NotFound."""
        now = self.clock()

        def revoke(tx: Transaction) -> None:
            person = invited(tx, account_id, person_id)
            found = tx.member_invitations.get(account_id, invitation_id)
            if found is None or found.person_id != person_id:
                raise NotFound("There is no such invitation.")
            if tx.member_invitations.end(account_id, invitation_id, now):
                tx.events.append(event_of(person, "invitation.ended", invitation_id, actor=actor, at=now))
            else:
                tx.closing_acts.recall(account_id, "invitation.ended", invitation_id)

        await self.database.write(revoke)

    async def _prepare(
        self, account_id: str, person_id: str, actor: str, language: MailLanguage | None
    ) -> "_Made":
        """Make a secret and what is sealed; nothing is written. Raises NotFound, Refused, Invalid."""
        now, event_id, token = self.clock(), new_id("evt"), Token.new()
        detail = await self.data_keys.seal_detail(account_id, event_id, {"member": person_id})
        person, mail = None, None
        if language is not None:
            person = await self.database.read(lambda tx: present(tx, account_id, person_id))
            email = await self.mails.email_of(person)
            mail = await self.mails.seal(account_id, secret=token.text, email=email, language=language)
        return _Made(
            actor=actor, now=now, token=token, event_id=event_id, detail=detail, mail=mail, person=person
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Made:
    """What is made before the transaction that issues an address."""

    actor: str
    now: datetime
    token: Token
    event_id: str
    #: Of the event, sealed.
    detail: bytes | None
    mail: SealedMail | None
    #: To whom it is mailed, as read before.
    person: PersonRow | None

    def still(self, person: PersonRow) -> PersonRow:
        """Return a person. Raises Busy if the person was changed since the mail was made."""
        if self.person is not None and self.person.revision != person.revision:
            raise Busy("Somebody changed this person at this moment. Send the request again.", retry_after=1)
        return person

    def issue(self, tx: Transaction, person: PersonRow, approved: Invitation | None) -> Issued:
        """Write a new address, or the secret of one that was approved, and its mail."""
        has_passkeys = bool(tx.passkeys.of_person(person.account_id, person.id))
        starts_at = self.now + RECOVERY_WAIT if has_passkeys else self.now
        issued = issued_for(person, self.actor, self.now, starts_at=starts_at, token=self.token)
        if approved is None:
            tx.member_invitations.insert(issued.invitation, issued.token.digest)
        else:
            issued = replace(issued, invitation=replace(issued.invitation, id=approved.id))
            tx.member_invitations.show(issued.invitation, issued.token.digest)
        event = event_of(person, "invitation.issued", issued.invitation.id, actor=self.actor, at=self.now)
        tx.events.append(replace(event, id=self.event_id, sealed_detail=self.detail))
        if self.mail is not None:
            self.mail.put(tx, issued.invitation)
        return replace(issued, is_mailed=self.mail is not None)


def invited(tx: Transaction, account_id: str, person_id: str) -> PersonRow:
    """Return an invited person. Raises NotFound, also for a person of a provider, whom the provider describes."""
    person = tx.people.get(account_id, person_id)
    if person is None or not person.is_invited:
        raise NotFound("There is no such invited person.")
    return person


def present(tx: Transaction, account_id: str, person_id: str) -> PersonRow:
    """Return an invited person who is not removed. Raises NotFound, Refused."""
    person = invited(tx, account_id, person_id)
    if person.removed_at is not None:
        raise Refused("This person is removed. Readmit the person first.", reasons=("removed",))
    return person


def require_giver(tx: Transaction, approved: Approved, given: frozenset[Scope]) -> None:
    """Raise Refused if who asked for an approved act cannot give these scopes any more."""
    if not all(may(tx, approved.actor, approved.account_id, scope) for scope in given):
        text = "Who asked for it may not give these roles any more."
        raise Refused(text, reasons=("not_allowed_any_more",))


def made_by(person: PersonRow, actor: str) -> PersonRow:
    """Return a person with one more who can be that person: an address or a role was given."""
    return replace(person, makers=add_makers(person.makers, actor), revision=(person.revision or 0) + 1)


def issued_for(
    person: PersonRow, actor: str, now: datetime, *, starts_at: datetime, token: Token | None = None
) -> Issued:
    """Return a new address of a person, with this secret or a new one."""
    invitation = Invitation(
        id=new_id("inv"),
        account_id=person.account_id,
        person_id=person.id,
        created_at=now,
        created_by=actor,
        starts_at=starts_at,
        ends_at=starts_at + LIFE,
    )
    return Issued(invitation=invitation, token=token or Token.new())


def insert_unseen(tx: Transaction, issued: Issued) -> None:
    """Insert an address that nobody has seen: its secret is made when who asked for it sends the request again."""
    waiting = replace(issued.invitation, waits_for=issued.invitation.created_by)
    tx.member_invitations.insert(waiting, issued.token.digest)


def end_open(tx: Transaction, person: PersonRow, actor: str, now: datetime) -> None:
    """Revoke the open addresses of a person."""
    waiting = [one.id for one in tx.member_invitations.open(person.account_id, [person.id], now)]
    end_invitations(tx, person.account_id, waiting, at=now, actor=actor)


def _approved_for(tx: Transaction, person: PersonRow, actor: str, now: datetime) -> Invitation | None:
    """Return the address that was approved for an actor and that nobody has seen."""
    waiting = tx.member_invitations.open(person.account_id, [person.id], now)
    return next((one for one in waiting if one.waits_for == actor), None)


def _require_approval(tx: Transaction, person: PersonRow, approved: Approved | None) -> None:
    """Let another address pass, or raise as ``require_approval`` does. An approval holds for the person as it is."""
    own = [one.id for one in tx.passkeys.of_person(person.account_id, person.id)]
    things = [person.id, f"revision {person.revision}", *own]
    require_approval(
        tx, person.account_id, "member_recovery", approved, {"passkeys": len(own)}, things=things
    )


def _scopes(tx: Transaction, person: PersonRow) -> frozenset[Scope]:
    """Return every scope that a person has."""
    roles = tx.sign_in.roles(person.account_id)
    return scopes_of(roles[one].role for one in person.role_ids if one in roles)
