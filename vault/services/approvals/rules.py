"""Read and set the rule that says which acts of an account need a second person."""

from collections.abc import Collection
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.approvals.rule import CHOSEN, ApprovalRule, Verb, known_verbs, loosens
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import Invalid
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.approval_pairs import acts_without_pair


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRules:
    """Read and set rules. Tightening one takes effect immediately; loosening one needs an approval while it is on."""

    database: Database

    async def read(self, account_id: str) -> ApprovalRule:
        """Return the rule of an account, which is off if it was never set."""
        return await self.database.read(lambda tx: tx.approval_rules.get(account_id))

    async def without_pair(self, account_id: str) -> frozenset[Verb]:
        """Return the acts that nobody could approve: of those that the rule gates, or of all it can name if off."""

        def read(tx: Transaction) -> frozenset[Verb]:
            rule = tx.approval_rules.get(account_id)
            return acts_without_pair(tx, account_id, rule.gated if rule.enabled else CHOSEN)

        return await self.database.read(read)

    async def set(
        self,
        account_id: str,
        *,
        enabled: bool,
        verbs: Collection[str],
        actor: str,
        approved: Approved | None = None,
    ) -> ApprovalRule:
        """Replace the rule and return it; its current value again changes nothing.

        Raises Invalid for an unknown act, ApprovalNeeded if anything would not need an approval any more.
        """
        wanted = known_verbs(verbs)
        if len(wanted) != len(set(verbs)):
            raise Invalid("verbs has the name of an act that no rule can name.", field="verbs")

        def change(tx: Transaction) -> ApprovalRule:
            tx.lock_account(account_id, exclusive=True)
            before = tx.approval_rules.get(account_id)
            if (before.enabled, before.verbs) == (enabled, wanted) and approved is None:
                tx.closing_acts.recall(account_id, "approval_rule.tightened", f"v{before.version}")
                return before
            version, now = before.version + 1, tx.now()
            after = ApprovalRule(
                enabled=enabled, verbs=wanted, version=version, changed_at=now, changed_by=actor
            )
            return _change(tx, account_id, before, after, approved)

        return await self.database.write(change)


def _change(
    tx: Transaction, account_id: str, before: ApprovalRule, after: ApprovalRule, approved: Approved | None
) -> ApprovalRule:
    loose = loosens(before, after)
    if loose or approved is not None:
        # The version: a rule that was changed since is another one to loosen.
        require_approval(tx, account_id, "approval_rule", approved, {"from_version": before.version})
    tx.approval_rules.set(account_id, after)
    event = AccessEvent(
        type="approval_rule.loosened" if loose else "approval_rule.tightened",
        at=after.changed_at or tx.now(),
        account_id=account_id,
        actor=after.changed_by or "",
        result=f"v{after.version}",
    )
    tx.events.append(event)
    return after
