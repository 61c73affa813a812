"""What a passkey proves: challenges that are used up, the check of an assertion, and the row of a new passkey."""

from dataclasses import dataclass
from datetime import datetime

from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.sign_in.challenge import Purpose, check_challenge, digest_of, new_challenge
from vault.domain.sign_in.connection import PersonRow
from vault.domain.sign_in.passkey import Assertion, NewCredential, Passkey, Used, check_counter
from vault.domain.sign_in.refusals import SignInRefused
from vault.domain.sign_in.relying_party import RelyingParty
from vault.ports.clock import Clock
from vault.services.shared.people_keys import PeopleKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyProofs:
    """Make challenges, and take what proves them."""

    data_keys: PeopleKeys
    site: RelyingParty
    clock: Clock

    def challenge(self, purpose: Purpose, bound_to: str) -> bytes:
        """Return a new challenge for five minutes. ``bound_to``: what only the browser or the session has."""
        return new_challenge(self.data_keys.challenge_key, purpose, bound_to, self.clock())

    def used(
        self, tx: Transaction, assertion: Assertion, used: Used, end: datetime, now: datetime
    ) -> tuple[Passkey, PersonRow]:
        """Use up a challenge, and note what the authenticator counts. Raises SignInRefused."""
        found = owner_of(tx, assertion)
        locked = None if found is None else tx.passkeys.lock(found[0].account_id, found[0].id)
        if found is None or locked is None:
            raise SignInRefused("passkey")
        self.use_up(tx, assertion.challenge, end, now)
        check_counter(locked.sign_count, used.sign_count)
        tx.passkeys.use(locked.id, sign_count=used.sign_count, is_backed_up=used.is_backed_up, at=now)
        return locked, found[1]

    def check(self, challenge: bytes, purpose: Purpose, bound_to: str) -> datetime:
        """Return when a challenge ends. Raises SignInRefused."""
        return check_challenge(self.data_keys.challenge_key, challenge, purpose, bound_to, self.clock())

    def use_up(self, tx: Transaction, challenge: bytes, end: datetime, now: datetime) -> None:
        """Note a challenge that is used. Raises SignInRefused for the second time."""
        if not tx.sign_in.take_once(digest_of(challenge), "passkey", end, now):
            raise SignInRefused("challenge")

    async def passkey(
        self, person: PersonRow, made: NewCredential, name: str | None, now: datetime
    ) -> Passkey:
        """Return the row of a new passkey. Raises NotFound, Unavailable."""
        return Passkey(
            id=new_id("pkey"),
            account_id=person.account_id,
            person_id=person.id,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            is_backed_up=made.is_backed_up,
            sealed_name=await self.data_keys.seal_words(person.account_id, "member", name),
            created_at=now,
            last_used_at=None,
        )


def owner_of(tx: Transaction, assertion: Assertion) -> tuple[Passkey, PersonRow] | None:
    """Return the passkey of an assertion with its person; None unless both are known and belong together."""
    passkey = tx.passkeys.find(assertion.credential_id)
    person = None if passkey is None else tx.people.get(passkey.account_id, passkey.person_id)
    if passkey is None or person is None or person.removed_at is not None:
        return None
    if assertion.user_handle is not None and assertion.user_handle != person.user_handle:
        return None
    return passkey, person
