"""List approvals, and decide on them: a second person approves or vetoes what the first one asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.approvals.actor import Barrier
from vault.domain.approvals.approval import (
    Approval,
    ApprovalState,
    ApprovalText,
    Decision,
    approve,
    document,
    require_pending,
    require_true,
    veto,
)
from vault.domain.approvals.rule import RULES, VERBS, Verb
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.ids import new_id
from vault.domain.sign_in.connection import OPERATORS, PersonRow, decode_profile
from vault.errors import ApprovalNeeded, Busy, Invalid, NotFound, Refused, Tampered
from vault.services.approvals.ask import AskApproval, CountedEffect, Question
from vault.services.approvals.execute_approval import ExecuteApproval
from vault.services.shared.approval_gate import actor_of, event_of, require_authority
from vault.services.shared.approval_pairs import Approvers, approvers_of, behind, first_barrier
from vault.services.shared.people_keys import IdentifyPeople, PeopleKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """An approval with its texts, and the bytes that are approved."""

    approval: Approval
    text: ApprovalText
    document: str
    #: The name of who asked: of an API key, or of a person; None if it is not known.
    asked_by_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """Ask for, list, show and decide on approvals."""

    database: Database
    asking: AskApproval
    execute: ExecuteApproval
    identify_people: IdentifyPeople
    people_keys: PeopleKeys

    async def ask(
        self,
        account_id: str,
        needed: ApprovalNeeded,
        *,
        subject: str,
        arguments: Mapping[str, Any],
        reason: str | None,
        actor: str,
    ) -> Approval:
        """Store an act that the rule did not let pass, and return what waits. Raises Refused if too many wait."""
        verb = next(known for known in VERBS if known == needed.verb)
        question = Question(verb=verb, subject=subject, arguments=arguments, reason=reason)

        def effect(_: Transaction) -> CountedEffect:
            return needed.effect, needed.effect_digest

        return await self.asking(account_id, question, effect=effect, actor=actor)

    async def page(
        self,
        account_id: str,
        *,
        state: ApprovalState | None,
        before: tuple[datetime, str] | None = None,
        limit: int = 200,
        kinds: Collection[Verb] = (),
        subject: str | None = None,
    ) -> Sequence[Approval]:
        """Return approvals as they are now, newest first: of these kinds and this subject, or of all."""

        def read(tx: Transaction) -> list[Approval]:
            now = tx.now()
            found = tx.approvals.page(
                account_id, state=state, now=now, before=before, limit=limit, kinds=kinds, subject=subject
            )
            return [approval.at(now) for approval in found]

        return await self.database.read(read)

    async def read(self, account_id: str, approval_id: str) -> ApprovalView:
        """Return an approval with its texts. Raises NotFound, Tampered."""

        def read(tx: Transaction) -> Approval:
            return _existing(tx, account_id, approval_id).at(tx.now())

        approval = await self.database.read(read)
        text = await self.asking.open(approval)
        require_true(approval, text)
        return ApprovalView(
            approval=approval,
            text=text,
            document=document(approval, text).decode(),
            asked_by_name=await self._actor_name(account_id, approval.asked_by),
        )

    async def effect_now(self, approval: Approval) -> Mapping[str, int] | None:
        """Return what a waiting act would do now, in numbers; None for an act that counts nothing.

        Raises what forbids it now, Unavailable.
        """
        return await self.execute.rehearse(approval)

    async def decide(
        self, account_id: str, approval_id: str, decision: Decision, *, digest: str | None, actor: str
    ) -> Approval:
        """Approve or veto. What is approved is carried out before this returns, if it can be.

        The same decision by the same actor again changes nothing. Raises NotFound, Unavailable, Invalid without a
        digest, and Refused for another digest, without the scopes, after its time, if it is decided, and for an actor
        who may be the requester: the same human by another connection, a key that either made, or that the same one
        made. The requester may veto.
        """
        if decision == "approve":
            await self._identify(account_id)

        def decide(tx: Transaction) -> Approval:
            tx.lock_account(account_id, exclusive=True)
            known, now = _existing(tx, account_id, approval_id), tx.now()
            if known.decided_by == actor and _is_repeated(known, decision):
                _recall(tx, known)
                return known
            require_authority(tx, known, actor)
            if decision == "veto":
                changed = veto(known, by=actor, now=now)
            else:
                require_pending(known, now)
                if _barrier(tx, known, actor) is not None:
                    raise _same_person()
                changed = approve(known, by=actor, digest=digest, now=now)
            return _decided(
                tx, known, changed, "approval.vetoed" if decision == "veto" else "approval.approved"
            )

        return await self._carry_out(await self.database.write(decide))

    async def barrier(self, account_id: str, approval_id: str, *, actor: str) -> Barrier | None:
        """Return why an actor may be the same person as who asked, or None. Raises NotFound, Unavailable."""
        await self._identify(account_id)
        return await self.database.read(
            lambda tx: _barrier(tx, _existing(tx, account_id, approval_id), actor)
        )

    async def approvers(self, account_id: str, verb: Verb, *, asked_by: str) -> Approvers:
        """Return who of the account could approve an act that ``asked_by`` asks for. Raises Unavailable."""
        await self._identify(account_id)
        return await self.database.read(lambda tx: approvers_of(tx, account_id, verb, [asked_by]))

    async def approvers_for(self, approval: Approval) -> Approvers:
        """Return who of the account can approve what waits. Raises Unavailable."""
        await self._identify(approval.account_id)
        return await self.database.read(
            lambda tx: approvers_of(tx, approval.account_id, approval.kind, behind(tx, approval))
        )

    async def break_glass(self, approval_id: str, *, reason: str, actor: str) -> Approval:
        """Approve as the operator, alone: with an event of its own kind, and the reason sealed in it.

        Raises NotFound, Invalid without a reason, Refused if it does not wait any more.
        """
        if not reason.strip():
            raise Invalid("Say why one person decides alone.", field="reason")
        found = await self.database.read(lambda tx: tx.approvals.get(None, approval_id))
        if found is None:
            raise NotFound("There is no such approval.")
        account_id, event_id = found.account_id, new_id("evt")
        sealed = await self.asking.data_keys.seal_detail(account_id, event_id, {"reason": reason})

        def decide(tx: Transaction) -> Approval:
            tx.lock_account(account_id, exclusive=True)
            known, now = _existing(tx, account_id, approval_id), tx.now()
            event = AccessEvent(
                id=event_id,
                type="approval.break_glass",
                at=now,
                account_id=account_id,
                actor=actor,
                result=approval_id,
                sealed_detail=sealed,
            )
            tx.events.append(event)
            changed = approve(known, by=actor, digest=known.digest, now=now)
            return _decided(tx, known, changed, "approval.approved")

        return await self._carry_out(await self.database.write(decide))

    async def _identify(self, account_id: str) -> None:
        """Identify everybody who may approve: people of an earlier release have no identity yet."""
        await self.identify_people(account_id)
        await self.identify_people(OPERATORS)

    async def _actor_name(self, account_id: str, actor: str) -> str | None:
        """Return the name of an actor, of a key or a person; None if none is known. Raises Unavailable."""

        def read(tx: Transaction) -> str | PersonRow | None:
            key = tx.api_keys.find(actor)
            if key is not None:
                return key[0].name
            return tx.people.get(account_id, actor) or tx.people.get(OPERATORS, actor)

        found = await self.database.read(read)
        return await self._person_name(found) if isinstance(found, PersonRow) else found

    async def _person_name(self, person: PersonRow) -> str | None:
        try:
            text = await self.people_keys.open_words(person.account_id, "member", person.sealed_profile)
        except (NotFound, Tampered):
            return None
        return None if text is None else decode_profile(text).name

    async def _carry_out(self, approval: Approval) -> Approval:
        if approval.state is not ApprovalState.APPROVED:
            return approval
        try:
            return await self.execute(approval)
        except Busy:
            return approval  # The worker tries again.


def _barrier(tx: Transaction, known: Approval, actor: str) -> Barrier | None:
    """Return why an actor is not independent of everybody who is behind what was asked."""
    account_id = known.account_id
    askers = [actor_of(tx, asker, account_id) for asker in behind(tx, known)]
    return first_barrier(askers, actor_of(tx, actor, account_id))


def _existing(tx: Transaction, account_id: str, approval_id: str) -> Approval:
    found = tx.approvals.get(account_id, approval_id)
    if found is None:
        raise NotFound("There is no such approval.")
    return found


def _decided(tx: Transaction, was: Approval, becomes: Approval, kind: EventType) -> Approval:
    if not tx.approvals.change(becomes, was=was):
        raise Refused("It was decided in the meantime.", reasons=("decided",))
    tx.events.append(event_of(becomes, kind, tx, actor=becomes.decided_by or ""))
    return becomes


def _is_repeated(known: Approval, decision: Decision) -> bool:
    if decision == "veto":
        return known.state is ApprovalState.VETOED
    return known.state in {ApprovalState.APPROVED, ApprovalState.EXECUTED}


def _recall(tx: Transaction, known: Approval) -> None:
    """Let the write store the object of the closing act again, where it could not be stored before."""
    tx.closing_acts.recall(known.account_id, "approval.vetoed", known.id)
    tx.closing_acts.recall(known.account_id, "approval.executed", known.id)
    closed = RULES[known.kind].closes
    if closed is not None:
        tx.closing_acts.recall(known.account_id, closed)


def _same_person() -> Refused:
    return Refused(
        "Another person must approve this. Neither of the two may have let the other in, nor a third one both: by an "
        "invitation, by a key that was issued, or by setting up the sign-in. If there is nobody, the operator can "
        "approve it.",
        reasons=("same_key",),
    )
