"""Calls from before an integration was activated: a preview of the last ones, and a back-fill with its count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.crm.handover import Handover
from vault.domain.handover.handover import Cause
from vault.domain.handover.integration import HandoverPolicy, StoredIntegration
from vault.domain.recordings.recording import Recording, RecordingFilter, State
from vault.errors import Invalid, Refused
from vault.ports.crm import CrmSystem
from vault.services.handover.call_text import CallTexts
from vault.services.handover.follow_log import add_handovers
from vault.services.handover.stored_integration import find_integration

#: Calls that a preview shows.
PREVIEWED: Final = 20
#: Recordings of one back-fill, and of one of its transactions.
MOST_FILLED: Final = 10_000
_BATCH_SIZE: Final = 100
#: Stands in a preview for the id that a hand-over will have.
_NO_ID: Final = "hnd_preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would be handed over of one recording."""

    recording_id: str
    text: Handover = field(repr=False)
    #: Why nothing would be; None: the number is looked up, and then it would.
    cause: Cause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierCalls:
    """Preview and back-fill."""

    database: Database
    texts: CallTexts
    systems: Mapping[str, CrmSystem]

    async def preview(self, account_id: str, integration_id: str, *, actor: str) -> Sequence[Preview]:
        """Return the last 20 calls of its connections as they would be sent. Nothing leaves: no number is looked up.

        That the details of these recordings are read is logged before. Raises NotFound, Unavailable.
        """

        def find(tx: Transaction) -> tuple[StoredIntegration, Sequence[Recording]]:
            stored = find_integration(tx, account_id, integration_id)
            return stored, _last_calls(tx, account_id, stored.policy, actor)

        stored, found = await self.database.write(find)
        return await self._shown(account_id, found, masked=self._is_masked(stored.system, stored.policy))

    async def preview_system(
        self, account_id: str, system: str, policy: HandoverPolicy, *, actor: str
    ) -> Sequence[Preview]:
        """Return the same for a system that is not activated, and a policy. Raises Unavailable."""
        found = await self.database.write(lambda tx: _last_calls(tx, account_id, policy, actor))
        return await self._shown(account_id, found, masked=self._is_masked(system, policy))

    def _is_masked(self, name: str, policy: HandoverPolicy) -> bool:
        system = self.systems.get(name)
        return policy.mask_numbers or (system is not None and system.audience == "channel")

    async def _shown(self, account_id: str, found: Sequence[Recording], *, masked: bool) -> Sequence[Preview]:
        shown = list[Preview]()
        for one in found:
            call = await self.texts.read(account_id, one.id, _NO_ID, masked=masked)
            if call is not None:
                shown.append(Preview(recording_id=one.id, text=call.text, cause=call.cause))
        return shown

    async def back_fill(
        self,
        account_id: str,
        integration_id: str,
        *,
        since: datetime,
        until: datetime,
        expected: int | None,
        actor: str,
    ) -> int:
        """Hand over recordings that arrived in [since, until); return how many. Without ``expected`` only count them.

        Raises NotFound, Invalid for a time that ends before it begins or has too many, Refused if the count is another
        one than ``expected``, or the integration does not send.
        """
        if until <= since:
            raise Invalid("until must be after from.", field="until")
        wanted = RecordingFilter(state=State.AVAILABLE, received_from=since, received_to=until)

        def begin(tx: Transaction) -> int:
            stored = find_integration(tx, account_id, integration_id)
            number = tx.handovers.count_missing(
                account_id, stored, since=since, until=until, most=MOST_FILLED
            )
            if expected is not None:
                _begin(tx, stored, number, expected, actor)
            return number

        number = await self.database.write(begin)
        if number > MOST_FILLED:
            text = f"These are more than {MOST_FILLED} recordings. Choose a shorter time."
            raise Invalid(text, field="until")
        if expected is not None:
            await self._fill(account_id, integration_id, wanted)
        return number

    async def _fill(self, account_id: str, integration_id: str, wanted: RecordingFilter) -> None:
        before: tuple[datetime, str] | None = None
        while True:

            def fill(tx: Transaction, before: tuple[datetime, str] | None = before) -> Sequence[Recording]:
                stored = find_integration(tx, account_id, integration_id)
                found = tx.recordings.page(account_id, wanted, before=before, limit=_BATCH_SIZE)
                if stored.sends:
                    add_handovers(tx, stored, found)
                return found

            found = await self.database.write(fill)
            if len(found) < _BATCH_SIZE:
                return
            before = (found[-1].received_at, found[-1].id)


def _last_calls(tx: Transaction, account_id: str, policy: HandoverPolicy, actor: str) -> Sequence[Recording]:
    """Return the last recordings that the policy names and can be played, and log that their details are read."""
    wanted = RecordingFilter(state=State.AVAILABLE, connection_ids=policy.connections or None)
    found = tx.recordings.page(account_id, wanted, before=None, limit=PREVIEWED)
    now = tx.now()
    tx.events.append(
        *(
            AccessEvent(type="details.read", at=now, account_id=account_id, actor=actor, recording_id=one.id)
            for one in found
        )
    )
    return found


def _begin(tx: Transaction, stored: StoredIntegration, number: int, expected: int, actor: str) -> None:
    """Log that a back-fill begins. Raises Refused."""
    if number != expected:
        text = "The number of recordings is another one now. Count them again."
        raise Refused(text, reasons=("changed",))
    if not stored.sends:
        raise Refused("This integration does not send now.", reasons=("integration_does_not_send",))
    tx.events.append(
        AccessEvent(
            type="integration.back_filled",
            at=tx.now(),
            account_id=stored.account_id,
            actor=actor,
            result=stored.id,
        )
    )
