"""Close what became available in a database that lacked a closing act: an older one that served for some seconds.

The gate of that database did not know that recording was off, that a number must not be recorded, or that a party had
said no. So each recording that became available there is looked at again when both histories are joined. What the gate
would have refused is restricted, not refused: a person decides, as for a recording without a manifest.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Literal

from vault.batches import batches
from vault.database.interface import Database
from vault.database.stores.recordings.recordings import terms_of
from vault.database.transaction import Transaction
from vault.domain.accounts.account import SwitchChange
from vault.domain.progress import Report
from vault.domain.recordings.recording import Recording, State
from vault.domain.stored.closing_acts import Act
from vault.domain.stored.closing_content import ConsentRefusal
from vault.services.shared.end_listening import restrict

_Why = Literal["switched_off", "objection", "declined"]
#: Recordings per transaction.
_BATCH_SIZE: Final = 100
_SENTENCES: Final[dict[_Why, str]] = {
    "switched_off": "recording was switched off",
    "objection": "a number of its call was on the list of those that must not be recorded",
    "declined": "a party of its call had said no",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A recording that entered meanwhile, and why it may not be heard."""

    recording: Recording
    why: _Why


async def close_entered(
    database: Database, ids: Iterable[str], acts: Sequence[Act], report: Report, *, actor: str
) -> None:
    """Restrict those of the recordings that the joined history would have refused, and name each in the report.

    ``ids`` became available in the database itself; the switch, objections and acts are restored already. Idempotent.
    """
    declined = {
        (act.event.account_id, act.content.call_ref)
        for act in acts
        if isinstance(act.content, ConsentRefusal)
    }
    ordered = sorted(ids)
    for batch in batches(ordered, _BATCH_SIZE):
        for entered in await database.write(partial(_close, batch, declined, actor)):
            report.add("entered")
            report.findings.append(
                f"{entered.recording.id} (call {entered.recording.call_ref}): it became available in the database that "
                f"lacked the last changes, and {_SENTENCES[entered.why]}. It is restricted now: lift that, or erase it."
            )


def _close(
    ids: Sequence[str], declined: Collection[tuple[str | None, str]], actor: str, tx: Transaction
) -> Sequence[Entered]:
    found = [tx.recordings.by_id(id_) for id_ in ids]
    entered = []
    for recording in found:
        if recording is None or recording.state is not State.AVAILABLE or recording.restricted:
            continue
        why = _reason(tx, recording, declined)
        if why is not None:
            restrict(tx, recording, at=tx.now(), actor=actor, cause="restore", result=why)
            tx.queue.rewrite_manifest(recording.id)
            entered.append(Entered(recording=recording, why=why))
    return entered


def _reason(
    tx: Transaction, recording: Recording, declined: Collection[tuple[str | None, str]]
) -> _Why | None:
    until = recording.available_at or tx.now()
    if was_off(tx.accounts.switch_history(recording.account_id), recording.received_at, until):
        return "switched_off"
    if (recording.account_id, recording.call_ref) in declined:
        return "declined"
    terms = sorted(terms_of(tx.connection, recording))
    rows = tx.objections.of_call(recording.account_id, recording.call_ref, terms)
    if any(row.objection.since <= until and row.objection.until is None for row in rows):
        return "objection"
    return None


def was_off(history: Sequence[SwitchChange], since: datetime, until: datetime) -> bool:
    """Return whether recording was off at any time between two moments."""
    before = [change for change in history if change.at <= since]
    if before and not before[-1].enabled:
        return True
    return any(not change.enabled and since < change.at <= until for change in history)
