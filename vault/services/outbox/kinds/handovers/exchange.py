"""Requests to the system of one integration by the permission of a message, and what their replies mean."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from typing import Final

from vault.database.interface import Database
from vault.domain.crm.exchange import Act, CrmReply, CrmRequest
from vault.domain.crm.handover import RemoteIds
from vault.domain.crm.verdict import Accepted, Denied, Gone, Kept, Moved, Unauthorized, Unclear, Verdict, Wait
from vault.domain.outbox.attempt import MOST_WAIT, Attempt, Outcome
from vault.domain.outbox.message import Standing
from vault.errors import FetchFailed
from vault.ports.clock import Clock
from vault.services.handover.budgets import Windows, interval_of
from vault.services.handover.stored_integration import OpenedIntegration
from vault.services.outbox.kind import Permission, PermissionTooOld

#: Replies of a removal or an update after which the next of its requests is sent.
_GOES_ON: Final = (Accepted, Kept)
#: Requests of one attempt: a system that says it removed something and did not would be asked for ever.
_MOST_REQUESTS: Final = 30
#: Answers to too many requests, 403 by an edge; and the wait where nobody says how long, or the next message would go
#: at once.
_TOO_MANY: Final = frozenset({403, 429})
_TOO_MANY_WAIT: Final = timedelta(seconds=10)
#: How long a message waits for the time of one of its requests: it is within the validity of its permission.
_MOST_PACED: Final = timedelta(seconds=2.5)


class AttemptEnds(Exception):
    """The attempt ends here."""

    def __init__(self, attempt: Attempt, *, refused: Unauthorized | Denied | None = None) -> None:
        """End it so; ``refused``: how the system refuses the credentials."""
        super().__init__()
        self.attempt, self.refused = attempt, refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Send requests and read the replies."""

    opened: OpenedIntegration
    permission: Permission
    clock: Clock
    windows: Windows
    database: Database

    def require_budget(self) -> None:
        """Raise AttemptEnds where the message must leave what the system still takes, until its budget begins again."""
        wait = self.opened.budget.wait(self.permission.message.type, self.clock(), begins=False)
        if wait is not None:
            text = f"{self.opened.system.title} takes few more requests now. They are kept for removals."
            raise AttemptEnds(early_attempt(text, wait))

    async def send(self, act: Act, request: CrmRequest) -> tuple[Verdict, CrmReply]:
        """Return the verdict on the reply. Raises AttemptEnds where none came, and nothing can have been done."""
        await self._wait_for_time(request)
        headers = request.headers_at(self.permission.message.id, self.clock())
        self.opened.budget.sent()
        try:
            answer = await self.permission.request(
                request.method, request.url, headers, request.body, request.hosts
            )
        except PermissionTooOld:
            raise
        except FetchFailed as error:
            if error.final or error.unsent:
                raise AttemptEnds(Attempt(outcome=Outcome.FAILED, failure=str(error))) from None
            return Unclear(), CrmReply(status=0, received_at=self.clock())
        reply = CrmReply(
            status=answer.status, headers=answer.headers, body=answer.body, received_at=self.clock()
        )
        self._read_budget(reply)
        return self.opened.system.classify(act, reply), reply

    async def _wait_for_time(self, request: CrmRequest) -> None:
        """Wait until a request may leave whose limit no reply tells: all nodes take their times in turn."""
        opened, message, path = self.opened, self.permission.message, request.url.partition("?")[0]
        pace = next((one for one in opened.system.paces if path.endswith(one.path)), None)
        if pace is None or not (interval := interval_of(pace, message.type)):
            return
        wait = await self.database.write(
            lambda tx: tx.outbox_outcomes.take_time(message.destination, interval, most=_MOST_PACED)
        )
        opened.budget.paced(self.clock() + wait + interval)
        if wait > _MOST_PACED:
            text = f"{opened.system.title} takes no more of these requests now."
            raise AttemptEnds(early_attempt(text, wait))
        await asyncio.sleep(wait.total_seconds())

    def _read_budget(self, reply: CrmReply) -> None:
        opened, at = self.opened, reply.received_at
        budget = opened.system.budget(reply)
        length = budget.resets_in if budget is not None and budget.is_window else None
        left = self.windows.answered(opened.stored.id, at, length)
        if budget is not None:
            opened.budget.said(budget, at + (budget.resets_in if length is None else left))

    async def send_all(
        self,
        act: Act,
        requests: Sequence[CrmRequest],
        remote: RemoteIds,
        handover_id: str,
        *,
        check: Callable[[Standing], None] | None = None,
    ) -> tuple[Verdict, tuple[str, ...]]:
        """Send requests that can be repeated, and those that follow from a reply, one after the other.

        Return the last verdict, and what the system keeps. The permission is given again between two of them, where
        ``check`` does not raise. The first that is neither accepted nor kept is the last.
        """
        verdict: Verdict = Accepted()
        kept: list[str] = []
        check = check or (lambda _standing: None)
        left = list(requests)
        for place in range(_MOST_REQUESTS):
            if not left:
                return verdict, tuple(kept)
            self.require_budget()
            if place:
                await self.permission.renew(lambda _tx, standing: check(standing))
            verdict, reply = await self.send(act, left.pop(0))
            if isinstance(verdict, Gone | Moved):
                return verdict, tuple(kept)
            if not isinstance(verdict, _GOES_ON):
                raise self.end(verdict, reply)
            if isinstance(verdict, Kept):
                kept.append(str(verdict.residue))
            else:
                system, access = self.opened.system, self.opened.access
                left[:0] = system.follow(act, reply, remote, handover_id, access)
        # The next attempt begins with what is left then.
        raise self.end(Wait(), reply)

    def end(self, verdict: Verdict, reply: CrmReply) -> AttemptEnds:
        """Return the end of an attempt whose reply is not what it was sent for."""
        title = self.opened.system.title
        if isinstance(verdict, Unauthorized | Denied):
            text = f"{title} does not accept the credentials."
            return AttemptEnds(_failed(text, reply), refused=verdict)
        asked, is_early = None, False
        if isinstance(verdict, Wait):
            usual = _TOO_MANY_WAIT if reply.status in _TOO_MANY else None
            asked = verdict.asked or (MOST_WAIT if verdict.is_daily else usual)
            if asked is not None and (reply.status in _TOO_MANY or verdict.is_daily):
                self.opened.budget.spent(self.clock() + asked)
                # Without a stated wait it counts: an edge may refuse us for good.
                is_early = verdict.is_daily or verdict.asked is not None
        text = f"{title} answered {reply.status}." if reply.status else f"{title} did not answer."
        attempt = _failed(text, reply, asked=asked, is_unclear=isinstance(verdict, Unclear))
        return AttemptEnds(replace(attempt, is_early=is_early))


def failed_attempt(text: str, *, asked: timedelta | None = None) -> Attempt:
    """Return an attempt that failed without a reply about it, and after how long the system asks for the next."""
    return _failed(text, None, asked=asked)


def early_attempt(text: str, wait: timedelta) -> Attempt:
    """Return an attempt that came too early, and by how much: the next one counts as this one."""
    return replace(_failed(text, None, asked=wait), is_early=True)


def _failed(
    text: str, reply: CrmReply | None, *, asked: timedelta | None = None, is_unclear: bool = False
) -> Attempt:
    return Attempt(
        outcome=Outcome.UNKNOWN if is_unclear else Outcome.FAILED,
        status=None if reply is None else reply.status or None,
        failure=text,
        retry_after=None if asked is None else str(ceil(asked.total_seconds())),
    )
