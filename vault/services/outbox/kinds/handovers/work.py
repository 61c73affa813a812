"""The steps of one message: create, look up, change and remove a record, and what is written down of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.crm.exchange import CrmReply, CrmRequest
from vault.domain.crm.handover import Candidate, Handover, RemoteIds, Target
from vault.domain.crm.verdict import Accepted, Gone, Moved, Refused, Unclear, Verdict, Wait
from vault.domain.handover.handover import StoredHandover
from vault.domain.outbox.attempt import Attempt, Outcome
from vault.errors import Busy
from vault.ports.clock import Clock
from vault.ports.numbers import Numbers
from vault.services.handover.call_text import CallText, CallTexts
from vault.services.handover.stored_integration import HandoverSecrets, open_handover, seal_handover
from vault.services.outbox.kinds.handovers.contacts import (
    Match,
    find_contact,
    is_objected_to,
    unless_objected,
    with_parent,
)
from vault.services.outbox.kinds.handovers.exchange import AttemptEnds, Exchange, early_attempt
from vault.services.outbox.kinds.handovers.new_contact import is_new_contact, make_contact
from vault.services.outbox.kinds.handovers.steps import begin, finish, require_unchanged, writes
from vault.services.shared.account_data_keys import AccountDataKeys

#: Steps of one message: a record is looked up, removed and made again at most.
_MOST_STEPS: Final = 4
#: Pages of one probe.
_MOST_PAGES: Final = 10
_DONE: Final = Attempt(outcome=Outcome.ACCEPTED)
_NOTHING: Final = Attempt(outcome=Outcome.NOT_SENT)
#: The same as _DONE, where the row says that nothing more is to be done.
_ENDED: Final = Attempt(outcome=Outcome.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkParts:
    """What the steps of every message use."""

    database: Database
    data_keys: AccountDataKeys
    texts: CallTexts
    numbers: Numbers
    clock: Clock


class Work:
    """The steps of a message."""

    def __init__(self, parts: WorkParts, exchange: Exchange) -> None:
        self._parts, self._exchange = parts, exchange
        self._opened, self._permission = exchange.opened, exchange.permission
        self._system, self._access = exchange.opened.system, exchange.opened.access

    async def run(self) -> Attempt:
        """Take one step after the other until nothing more is to be done."""
        last = _NOTHING
        for _ in range(_MOST_STEPS):
            begun = await self._permission.renew(begin(self._permission.message))
            if begun is None or begun.step == "none":
                return last
            handover = begun.handover
            secrets = await open_handover(self._parts.data_keys, handover)
            step = {
                "create": self._create, "probe": self._probe, "update": self._update, "remove": self._remove,
            }[begun.step]  # fmt: skip
            attempt = await step(handover, secrets)
            if attempt is not _DONE:
                return attempt
            last = _DONE
        return last

    async def _create(self, handover: StoredHandover, secrets: HandoverSecrets) -> Attempt:
        call = await self._read(handover)
        if call is None or call.text.state == "restricted":
            raise _changed()
        match = await self._match(call, handover, secrets)
        if match.target is None:
            return await self._set_aside(handover, match)
        text = call.text
        request = self._system.create(text, match.target, self._access)
        if isinstance(request, Refused):
            return await self._set_aside(handover, Match(cause="refused"))
        self._exchange.require_budget()
        sealed = await self._seal(handover, target=match.target)
        leaves = writes(
            self._permission.message, handover, "handover.sent", state="unknown", cause=None, sealed=sealed
        )
        if (barred := await self._permission.renew(unless_objected(handover, call, leaves))) is not None:
            return await self._set_aside(handover, Match(cause=barred))
        try:
            verdict, reply = await self._exchange.send("create", request)
        except AttemptEnds:
            await self._finish(handover, state="waiting", sealed=None)
            raise
        if isinstance(verdict, Accepted) and (remote := self._system.created(reply)) is not None:
            return await self._stands(handover, text.state, match.target, remote)
        if isinstance(verdict, Accepted | Unclear):
            raise self._exchange.end(Unclear(), reply)
        if isinstance(verdict, Refused):
            return await self._set_aside(handover, Match(cause="refused"))
        # Nothing was written. A contact that is gone or was merged is looked up again.
        await self._finish(handover, state="waiting", sealed=None)
        raise self._exchange.end(Wait() if isinstance(verdict, Gone | Moved) else verdict, reply)

    async def _match(self, call: CallText, handover: StoredHandover, secrets: HandoverSecrets) -> Match:
        if call.cause is not None:
            return Match(cause=call.cause)
        if self._system.audience != "contact":
            is_barred = await self._permission.renew(lambda tx, _standing: is_objected_to(tx, handover, call))
            return Match(cause="number_objects") if is_barred else Match(target=Target())
        if (chosen := secrets.target) is not None:
            # A person has decided on it.
            if await self._permission.renew(lambda tx, _standing: is_objected_to(tx, handover, call)):
                return Match(cause="number_objects")
            contact = Candidate(kind=chosen.kind, id=chosen.id, numbers=())
            return Match(target=await with_parent(self._exchange, contact))
        match = await find_contact(self._exchange, self._parts.numbers, call, handover)
        if match.cause == "no_contact" and self._opened.stored.policy.creates_contacts:
            parts = self._parts
            match = await make_contact(self._exchange, parts.database, parts.data_keys, call, handover)
        return match

    async def _set_aside(self, handover: StoredHandover, match: Match) -> Attempt:
        """Note that nothing is written, and why."""
        is_held = match.cause in {"several_contacts", "refused"}
        sealed = await self._seal(handover, candidates=match.candidates) if match.candidates else None
        changes: dict[str, Any] = {"cause": match.cause, "sealed": sealed}
        note = finish(
            handover,
            "handover.held",
            more=match.cause or "",
            state="held" if is_held else "unmatched",
            **changes,
        )
        await self._parts.database.write(note)
        return _NOTHING

    async def _probe(self, handover: StoredHandover, secrets: HandoverSecrets) -> Attempt:
        """Look whether the record is there whose creation nobody has confirmed."""
        target = secrets.target or Target()
        if not is_new_contact(target):
            text = await self._text(handover)
            request = self._system.probe(text, target, self._access)
            if request is None:
                return await self._assume(handover)
            verdict, reply, remote = await self._search(request, text, target)
            if remote is not None:
                return await self._stands(handover, "present", target, remote)
            if isinstance(verdict, Refused) and handover.desired == "present":
                return await self._hold_unconfirmed(handover)
            if not isinstance(verdict, Accepted | Gone):
                raise self._exchange.end(verdict, reply)
        since = self._parts.clock() - (handover.sent_at or handover.created_at)
        if since < self._system.probe_lag:
            why = f"{self._system.title} may not show yet what was written."
            raise AttemptEnds(early_attempt(why, self._system.probe_lag - since))
        await self._finish(handover, state="waiting", cause=None, sealed=None)
        return _DONE

    async def _search(
        self, request: CrmRequest, text: Handover, target: Target
    ) -> tuple[Verdict, CrmReply, RemoteIds | None]:
        """Read the pages of a probe; return the last verdict and reply, and the ids of the record if it is there.

        Refused: there are too many, so nobody can tell whether it is.
        """
        for place in range(_MOST_PAGES):
            self._exchange.require_budget()
            if place:
                await self._permission.renew(lambda _tx, _standing: None)
            verdict, reply = await self._exchange.send("probe", request)
            if not isinstance(verdict, Accepted):
                return verdict, reply, None
            if (remote := self._system.probed(reply, text, target)) is not None:
                return verdict, reply, remote
            following = self._system.probe_next(reply, text, target, self._access)
            if following is None:
                return verdict, reply, None
            request = following
        return Refused(code="too_many_pages"), reply, None

    async def _assume(self, handover: StoredHandover) -> Attempt:
        """Let a creation that nobody confirmed be repeated; for what follows on it, take it for one that stands."""
        if handover.desired == "present":
            await self._finish(handover, state="waiting", cause=None, sealed=None)
        else:
            sealed = await self._seal(handover, target=Target(), remote={})
            await self._finish(handover, state="present", cause=None, sealed=sealed)
        return _DONE

    async def _hold_unconfirmed(self, handover: StoredHandover) -> Attempt:
        """Let a person decide where the system refuses the look-up: a repetition does not help."""
        note = finish(handover, "handover.held", more="unconfirmed", state="held", cause="unconfirmed")
        await self._parts.database.write(note)
        return _NOTHING

    async def _update(self, handover: StoredHandover, secrets: HandoverSecrets) -> Attempt:
        text = await self._text(handover)
        requests = self._system.update(secrets.remote or {}, text, self._access)
        if text.state == "present" and not await self._permission.renew(
            writes(self._permission.message, handover, "handover.sent")
        ):
            raise _changed()
        check = require_unchanged if text.state == "present" else None
        verdict, kept = await self._exchange.send_all(
            "update", requests, secrets.remote or {}, handover.id, check=check
        )
        if isinstance(verdict, Gone):
            await self._finish(handover, state="absent", sealed=None)
            return _DONE
        if isinstance(verdict, Moved):
            return await self._move(handover, secrets, verdict.ids)
        residue = _joined(handover.residue, kept, map(str, self._system.keeps_after_edit))
        note = finish(handover, "handover.updated", more=text.state, state=text.state, residue=residue)
        return await self._end(note)

    async def _remove(self, handover: StoredHandover, secrets: HandoverSecrets) -> Attempt:
        requests = self._system.remove(secrets.remote or {}, handover.id, self._access)
        verdict, kept = await self._exchange.send_all("remove", requests, secrets.remote or {}, handover.id)
        if isinstance(verdict, Moved):
            return await self._move(handover, secrets, verdict.ids)
        residue = _joined(handover.residue, kept, map(str, self._system.keeps_after_removal))
        note = finish(
            handover, "handover.removed", more=",".join(residue), state="absent", cause=None, sealed=None,
            residue=residue,
        )  # fmt: skip
        return await self._end(note)

    async def _move(
        self, handover: StoredHandover, secrets: HandoverSecrets, ids: Mapping[str, str]
    ) -> Attempt:
        """Store the ids of what the system has merged; the step is taken again."""
        moved = {**(secrets.remote or {}), **ids}
        await self._finish(handover, sealed=await self._seal(handover, target=secrets.target, remote=moved))
        return _DONE

    async def _stands(
        self, handover: StoredHandover, state: str, target: Target, remote: RemoteIds
    ) -> Attempt:
        sealed = await self._seal(handover, target=target, remote=remote)
        return await self._end(finish(handover, "handover.stands", state=state, cause=None, sealed=sealed))

    async def _end(self, note: Callable[[Transaction], bool]) -> Attempt:
        """Write down how a step ended; what the row says of the next one needs no transaction of its own."""
        return _ENDED if await self._parts.database.write(note) else _DONE

    async def _text(self, handover: StoredHandover) -> Handover:
        """Return the text for an update or a look-up: nothing of the call where it must not be said any more."""
        call = await self._read(handover) if handover.desired == "present" else None
        return self._parts.texts.bare(handover) if call is None else call.text

    async def _read(self, handover: StoredHandover) -> CallText | None:
        policy = self._opened.stored.policy
        masked = policy.mask_numbers or self._system.audience == "channel"
        return await self._parts.texts.read(
            handover.account_id, handover.recording_id, handover.id, masked=masked
        )

    async def _seal(self, handover: StoredHandover, **secrets: Any) -> str:
        return await seal_handover(self._parts.data_keys, handover.account_id, HandoverSecrets(**secrets))

    async def _finish(self, handover: StoredHandover, **changes: Any) -> None:
        await self._parts.database.write(finish(handover, **changes))


def _changed() -> Busy:
    """Return that the recording changed since the step began: the next attempt decides anew."""
    return Busy("The recording changed meanwhile.", retry_after=1)


def _joined(*codes: Any) -> tuple[str, ...]:
    return tuple(sorted({one for some in codes for one in some}))
