"""Mails with the addresses of invitations, while they wait in the outbox: what is secret in them is sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Outcome
from vault.domain.outbox.mail import is_mailable
from vault.domain.outbox.message import Message
from vault.domain.public_urls import PublicUrls
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.invitation import Invitation, decode_terms
from vault.domain.sign_in.invitation_mail import (
    KIND,
    TYPE,
    MailLanguage,
    WaitingMail,
    decode_waiting,
    destination_of,
    encode_waiting,
)
from vault.errors import Invalid, Tampered
from vault.ports.mail import Mailer
from vault.services.shared.people_keys import PeopleKeys
from vault.services.sign_in.passkey_proofs import PasskeyProofs

_SEALED: Final = "sealed"
#: How a mail stands: it waits for its next attempt, a mail server took it, or it is not tried again.
MailState = Literal["waiting", "sent", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailShown:
    """How the mail with the address of an invitation stands."""

    state: MailState
    #: Why the last attempt failed, without words of the server, and the server's code.
    failure: str | None
    code: int | None
    #: The time of the last attempt.
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedMail:
    """A mail that can be put into the outbox."""

    sealed: str = field(repr=False)

    def put(self, tx: Transaction, invitation: Invitation) -> None:
        """Let it be sent, in the transaction that makes the address usable."""
        destination = destination_of(invitation.person_id)
        tx.outbox.set_up(destination)
        tx.outbox.put(
            Message(
                destination=destination,
                id=invitation.id,
                account_id=invitation.account_id,
                kind=KIND,
                type=TYPE,
                at=invitation.created_at,
                content={_SEALED: self.sealed},
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationMails:
    """Seal them, and open them to be sent."""

    data_keys: PeopleKeys
    mailer: Mailer
    proofs: PasskeyProofs
    urls: PublicUrls

    @property
    def can_mail(self) -> bool:
        """Return whether the operator has set a mail server."""
        return self.mailer.is_set

    def address(self, secret: str) -> str:
        """Return the address of an invitation with this secret."""
        return self.urls.console("invitation", secret, origin=self.proofs.site.origin)

    async def email_of(self, person: PersonRow) -> str | None:
        """Return the e-mail address that an administrator entered about a person."""
        terms = await self.data_keys.open_words(person.account_id, "member", person.sealed_terms)
        return decode_terms(terms)[0]

    async def seal(
        self, account_id: str, *, secret: str, email: str | None, language: MailLanguage
    ) -> SealedMail:
        """Seal what brings a person the secret of an address. Raises Invalid, Unavailable."""
        waiting = WaitingMail(to=self._checked(email), secret=secret, language=language)
        sealed = await self.data_keys.seal_words(account_id, "invitation-mail", encode_waiting(waiting))
        return SealedMail(sealed=sealed or "")

    async def open(self, message: Message) -> WaitingMail:
        """Open one to be sent. Raises NotFound if the account's keys are destroyed, Tampered, Unavailable."""
        sealed = message.content.get(_SEALED)
        text = await self.data_keys.open_words(message.account_id, "invitation-mail", sealed)
        if text is None:
            raise Tampered
        return decode_waiting(text)

    def _checked(self, email: str | None) -> str:
        if not self.can_mail:
            text = "This vault sends no mail: the operator has set no mail server. Send the address yourself."
            raise Invalid(text, field="mail_language")
        if email is None:
            raise Invalid("To mail the address, enter an e-mail address.", field="email")
        if not is_mailable(email):
            text = "The vault mails only to addresses in ASCII without quotes. Send the address yourself."
            raise Invalid(text, field="email")
        return email


def mails_of(tx: Transaction, invitations: Sequence[Invitation]) -> Mapping[str, MailShown]:
    """Return how the mails of these invitations stand, by their ids; one that nobody mailed is missing."""
    keys = [(destination_of(one.person_id), one.id) for one in invitations]
    waiting, last = tx.outbox_attempts.waiting(keys), tx.outbox_attempts.last(keys)
    shown = {}
    for one in waiting | last.keys():
        attempt = last.get(one)
        is_sent = attempt is not None and attempt.outcome == Outcome.ACCEPTED
        shown[one] = MailShown(
            state="waiting" if one in waiting else "sent" if is_sent else "failed",
            failure=None if attempt is None else attempt.failure,
            code=None if attempt is None else attempt.status,
            at=None if attempt is None else attempt.at,
        )
    return shown
