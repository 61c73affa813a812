"""A fresh verification for weighty acts: set whether an account wants it, and ask for it."""

from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.console_session import ConsoleSession
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.sign_in.connection import OPERATORS
from vault.domain.sign_in.step_up import StepUp, is_fresh
from vault.errors import NotFound, Refused
from vault.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUps:
    """Read and set what an account wants, and require a verification of people. API keys are no people."""

    database: Database
    clock: Clock

    async def read(self, account_id: str) -> StepUp:
        """Return what an account has set, which is off if it was never set."""
        return await self.database.read(lambda tx: tx.step_ups.get(account_id))

    async def set(self, account_id: str, *, required: bool, actor: str) -> StepUp:
        """Set whether weighty acts need a fresh verification, and return it; the same again changes nothing."""

        def change(tx: Transaction) -> StepUp:
            tx.lock_account(account_id, exclusive=True)
            before = tx.step_ups.get(account_id)
            if before.required == required and before.version:
                tx.closing_acts.recall(account_id, "step_up.required", f"v{before.version}")
                return before
            after = StepUp(
                required=required, version=before.version + 1, changed_at=tx.now(), changed_by=actor
            )
            tx.step_ups.set(account_id, after)
            event = AccessEvent(
                type="step_up.required" if required else "step_up.lifted",
                at=after.changed_at or tx.now(),
                account_id=account_id,
                actor=actor,
                result=f"v{after.version}",
            )
            tx.events.append(event)
            return after

        return await self.database.write(change)

    async def require(self, account_id: str, session: ConsoleSession) -> None:
        """Raise Refused if the account wants a fresh verification and the session's person has none."""
        if session.person_id is None or is_fresh(session, self.clock()):
            return
        if (await self.read(account_id)).required:
            text = "Confirm first that it is you: the account wants that for this, every 15 minutes."
            raise Refused(text, reasons=("verification",))

    async def provider_of(self, session: ConsoleSession) -> str | None:
        """Return the id of the connection at whose provider a person confirms; None for a person with passkeys.

        Raises NotFound for a session of an API key.
        """
        account_id, person_id = session.account_id or OPERATORS, session.person_id or ""
        person = await self.database.read(lambda tx: tx.people.get(account_id, person_id))
        if person is None:
            raise NotFound("An API key does not confirm anything.")
        return person.connection_id
