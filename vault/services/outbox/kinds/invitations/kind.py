"""Mail invited people the addresses at which they make passkeys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from vault.backoff import Backoff
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Attempt, Outcome
from vault.domain.outbox.mail import mail_attempt
from vault.domain.outbox.message import Message, SendingRules
from vault.domain.sign_in.invitation import Invitation
from vault.domain.sign_in.invitation_mail import BACKOFF, KIND, MAX_TRIES, MailTexts, mail_of, person_of
from vault.errors import NotFound
from vault.services.outbox.kind import OutboxKind, Permission
from vault.services.sign_in.invitation_mails import InvitationMails

#: It is about a person who signs in, so neither a recording nor the switch stands against it.
_ALWAYS = SendingRules(switched_off="ignore", erased="ignore", restricted="ignore", held="ignore")
_Open = Mapping[str, Invitation]
_NOT_SENT = Attempt(outcome=Outcome.NOT_SENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMessages(OutboxKind[_Open, _Open]):
    """Mails with addresses. Each has the same address at each attempt."""

    name: ClassVar[str] = KIND
    backoff: ClassVar[Backoff] = BACKOFF
    max_attempts: ClassVar[int | None] = MAX_TRIES

    mails: InvitationMails
    texts: Mapping[str, MailTexts]

    def rules(self, message: Message) -> SendingRules:  # noqa: ARG002 - the same for each
        """Return that nothing stands against it."""
        return _ALWAYS

    def read(self, tx: Transaction, account_id: str, destination: str) -> _Open | None:
        """Return the person's invitations that can be used now or later, by their ids."""
        person = tx.people.get(account_id, person_of(destination))
        if person is None or person.removed_at is not None:
            return None
        found = tx.member_invitations.open(account_id, [person.id], tx.now())
        return {one.id: one for one in found} or None

    async def open(self, stored: _Open) -> _Open:
        """Open nothing: each message has a secret of its own."""
        return stored

    async def send(self, receiver: _Open, permission: Permission) -> Attempt:
        """Send it, unless it was used or revoked meanwhile."""
        message = permission.message
        invitation = receiver.get(message.id)
        if invitation is None:
            return _NOT_SENT
        try:
            waiting = await self.mails.open(message)
        except NotFound:
            # The account was closed, and its keys are destroyed.
            return _NOT_SENT
        mail = mail_of(waiting, invitation, self.texts[waiting.language], self.mails.address(waiting.secret))
        return mail_attempt(await permission.mail(mail))

    def note(self, tx: Transaction, message: Message, attempt: Attempt) -> None:
        """Note nothing: the outbox keeps attempts, and the person's page shows them."""

    async def take_back(self, message: Message) -> None:
        """Do nothing: an address that was revoked while it was sent works no more."""

    def count(self, result: str) -> None:
        """Count nothing: the outbox counts it."""
