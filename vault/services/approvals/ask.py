"""Store an act that needs an approval, sealed, until somebody decides."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.approvals.approval import Approval, ApprovalText, time_to_approve, with_digest
from vault.domain.approvals.rule import Verb
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.stored.json_reader import read_object, write_object
from vault.errors import Refused
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.account_data_keys import AccountDataKeys
from vault.services.shared.approval_gate import event_of
from vault.services.shared.encrypted_fields import search_term

#: Approvals of an account that can wait at a time.
MAX_WAITING: Final = 500
#: What an act would do, as numbers, and the digest of what it would do that to.
CountedEffect = tuple[Mapping[str, int], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An act to be approved."""

    verb: Verb
    #: The id of what is acted on, or empty.
    subject: str
    #: What REST was sent, as JSON values.
    arguments: Mapping[str, Any]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskApproval:
    """Store questions, and open their texts."""

    database: Database
    data_keys: AccountDataKeys
    clock: Clock

    async def __call__(
        self,
        account_id: str,
        question: Question,
        *,
        effect: Callable[[Transaction], CountedEffect],
        actor: str,
        event: Callable[[datetime], AccessEvent] | None = None,
    ) -> Approval:
        """Store a question and return it; the same question again returns the one that waits.

        ``effect`` counts what the act would do, with its digest, and may raise; ``event`` makes another event of a new
        question.
        Raises Refused above MAX_WAITING.
        """
        text = ApprovalText(arguments=question.arguments, reason=question.reason, salt=secrets.token_hex(16))
        sealed = await self.data_keys.seal_words(account_id, "approval", _encode(text))
        index_key = await self.data_keys.index_key(account_id)
        # What is sealed is other bytes each time.
        same = {name: value for name, value in question.arguments.items() if not name.startswith("sealed_")}
        asked = json.dumps([question.verb, question.subject, same], sort_keys=True)
        # A term ignores case, in which arguments may differ.
        content = hashlib.sha256(asked.encode()).hexdigest()
        now = self.clock()
        wanted = Approval(
            id=new_id("appr"),
            account_id=account_id,
            kind=question.verb,
            subject=question.subject,
            asked_by=actor,
            asked_at=now,
            approve_by=now + time_to_approve(question.verb),
            sealed_text=sealed,
            term=search_term(index_key, "approval", content),
        )
        return await self.database.write(lambda tx: _ask(tx, wanted, text, effect, event))

    async def open(self, approval: Approval) -> ApprovalText:
        """Return the texts of an approval. Raises NotFound if its key is destroyed, Tampered."""
        if approval.sealed_text is None:
            return ApprovalText()
        opened = await self.data_keys.open_words(approval.account_id, "approval", approval.sealed_text)
        fields = read_object((opened or "").encode(), "An approval")
        return ApprovalText(
            arguments=fields.inner("arguments").rest(),
            reason=fields.nullable(fields.text, "reason"),
            salt=fields.text("salt"),
        )


def ask_in(tx: Transaction, wanted: Approval) -> Approval:
    """Store a question of the worker, which has no texts; return the one that waits if there is one."""
    return _ask(tx, wanted, ApprovalText(), lambda _: (wanted.effect, wanted.effect_digest), None)


def _ask(
    tx: Transaction,
    wanted: Approval,
    text: ApprovalText,
    effect: Callable[[Transaction], CountedEffect],
    event: Callable[[datetime], AccessEvent] | None,
) -> Approval:
    account_id, now = wanted.account_id, tx.now()
    tx.lock_account(account_id, exclusive=True)
    counted, effect_digest = effect(tx)
    known = tx.approvals.waiting(account_id, wanted.kind, subject=wanted.subject, term=wanted.term, now=now)
    if known is not None:
        return known
    if tx.approvals.count_waiting(account_id, now) >= MAX_WAITING:
        full = Sentence(
            "%(number)s approvals of the account wait, the maximum. Approve or veto some.", number=MAX_WAITING
        )
        raise Refused(full, reasons=("too_many_approvals",))
    life = wanted.approve_by - wanted.asked_at
    asked = with_digest(
        replace(wanted, effect=counted, effect_digest=effect_digest, asked_at=now, approve_by=now + life),
        text,
    )
    tx.approvals.add(asked)
    tx.events.append(event_of(asked, "approval.requested", tx, actor=asked.asked_by))
    if event is not None:
        tx.events.append(event(now))
    return asked


def _encode(text: ApprovalText) -> str:
    values = {"arguments": dict(text.arguments), "reason": text.reason, "salt": text.salt}
    return write_object(values).decode()
