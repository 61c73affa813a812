"""Approvals, and the rule of each account."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update

from vault.database.account_parts.approval_rule import put_rule, rule_of
from vault.database.account_parts.part import account_changed
from vault.database.schema.approvals import approvals
from vault.database.stores.rows import Rows
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.approvals.rule import ApprovalRule, Verb, tighter

_C = approvals.c
_COLUMNS = tuple(Approval.__slots__)
_OPEN = (str(ApprovalState.PENDING), str(ApprovalState.APPROVED))


class ApprovalRows(Rows):
    """The approvals of one transaction."""

    def add(self, approval: Approval) -> None:
        """Insert it."""
        self._db.execute(insert(approvals).values(_row(approval)))

    def get(self, account_id: str | None, approval_id: str) -> Approval | None:
        """Return an approval of an account, or of any account for None."""
        mine = _C.id == approval_id
        if account_id is not None:
            mine &= _C.account_id == account_id
        row = self._db.execute(select(approvals).where(mine)).mappings().first()
        return None if row is None else _approval(row)

    def waiting(
        self, account_id: str, kind: Verb, *, subject: str, term: bytes | None, now: datetime
    ) -> Approval | None:
        """Return the one that waits with the same question: of the same arguments, or without them of the subject."""
        mine = (_C.account_id == account_id) & (_C.kind == kind) & (_C.subject == subject) & _is_pending(now)
        if term is not None:
            mine &= _C.term == term
        row = self._db.execute(select(approvals).where(mine).order_by(_C.asked_at)).mappings().first()
        return None if row is None else _approval(row)

    def count_waiting(self, account_id: str, now: datetime) -> int:
        """Return how many of an account wait for a decision."""
        mine = (_C.account_id == account_id) & _is_pending(now)
        return self._db.execute(select(func.count()).select_from(approvals).where(mine)).scalar_one()

    def page(
        self,
        account_id: str,
        *,
        state: ApprovalState | None,
        now: datetime,
        before: tuple[datetime, str] | None,
        limit: int,
        kinds: Collection[Verb] = (),
        subject: str | None = None,
    ) -> Sequence[Approval]:
        """Return a page, newest first: of these kinds, or of all for none, and of this subject, or of all for None."""
        query = select(approvals).where(_C.account_id == account_id)
        if kinds:
            query = query.where(_C.kind.in_(sorted(kinds)))
        if subject is not None:
            query = query.where(_C.subject == subject)
        if state is not None:
            query = query.where(_in_state(state, now))
        if before is not None:
            at, last = before
            query = query.where(or_(_C.asked_at < at, and_(_C.asked_at == at, _C.id < last)))
        rows = self._db.execute(query.order_by(_C.asked_at.desc(), _C.id.desc()).limit(limit)).mappings()
        return [_approval(row) for row in rows]

    def change(self, approval: Approval, *, was: Approval) -> bool:
        """Write a new state; False if the row is not as ``was`` any more, so that one of two writers wins."""
        mine = (_C.id == was.id) & (_C.state == str(was.state)) & (_C.digest == was.digest)
        return bool(self._db.execute(update(approvals).where(mine).values(_row(approval))).rowcount)

    def open(self, *, limit: int, now: datetime) -> Sequence[Approval]:
        """Return those to be executed and those whose time is over, oldest first."""
        due = _C.state.in_(_OPEN) & ~_is_pending(now)
        query = select(approvals).where(due).order_by(_C.asked_at).limit(limit)
        return [_approval(row) for row in self._db.execute(query).mappings()]

    def count_pending(self, now: datetime) -> tuple[int, int]:
        """Return how many wait for a decision, over all accounts, and of how many accounts."""
        counts = select(func.count(), func.count(_C.account_id.distinct())).where(_is_pending(now))
        waiting, accounts = self._db.execute(counts).one()
        return waiting, accounts

    def end(self, approval_id: str, state: ApprovalState, at: datetime) -> None:
        """Set a final state that is known from the object store; a row in a final state stays."""
        mine = (_C.id == approval_id) & _C.state.in_(_OPEN)
        self._db.execute(
            update(approvals).where(mine).values(state=str(state), ended_at=at, outcome="restored")
        )


class ApprovalRuleRows(Rows):
    """The rules of accounts in one transaction."""

    def get(self, account_id: str) -> ApprovalRule:
        """Return the rule of an account, which is off if it was never set."""
        return rule_of(self._db, account_id) or ApprovalRule()

    def set(self, account_id: str, rule: ApprovalRule) -> None:
        """Replace the rule; the account's object becomes due."""
        put_rule(self._db, account_id, rule)
        account_changed(self._db, account_id)

    def tighten(self, account_id: str, rule: ApprovalRule) -> None:
        """Let the account gate whatever its own rule or this one gates."""
        own = rule_of(self._db, account_id)
        merged = rule if own is None else tighter(own, rule)
        if merged != own:
            self.set(account_id, merged)


def _is_pending(now: datetime) -> ColumnElement[bool]:
    return (_C.state == str(ApprovalState.PENDING)) & (_C.approve_by > now)


def _in_state(state: ApprovalState, now: datetime) -> ColumnElement[bool]:
    if state is ApprovalState.PENDING:
        return _is_pending(now)
    if state is ApprovalState.EXPIRED:
        late = (_C.state == str(ApprovalState.PENDING)) & ~_is_pending(now)
        return or_(_C.state == str(state), late)
    return _C.state == str(state)


def _row(approval: Approval) -> dict[str, Any]:
    row = {name: getattr(approval, name) for name in _COLUMNS}
    return row | {"state": str(approval.state), "effect": dict(approval.effect) or None}


def _approval(row: Mapping[Any, Any]) -> Approval:
    values = {name: row[name] for name in _COLUMNS}
    return Approval(**values | {"state": ApprovalState(row["state"]), "effect": row["effect"] or {}})
