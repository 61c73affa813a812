"""Apply the changes that the log says to rows that exist already; closing acts are never undone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from vault.batches import batches
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.approvals.approval import ApprovalState
from vault.domain.audit_log.lost_handovers import HandedOver
from vault.domain.handover.handover import StoredHandover
from vault.domain.progress import ProgressCallback, Report
from vault.domain.recordings.recording import GONE, State, causes_in
from vault.services.backup.restore_log import Divergence
from vault.services.lifecycle.lifecycle import WORKER, reapply_erasure
from vault.services.lifecycle.restore_states import (
    restore_contact_end,
    restore_pending_erasure,
    restore_refusal,
)
from vault.services.shared.end_access import end_access
from vault.services.shared.end_integration import end_integration
from vault.services.shared.end_listening import restrict_again

#: Changes per transaction.
_BATCH_SIZE = 32


async def replay(
    database: Database, divergence: Divergence, report: Report, progress: ProgressCallback
) -> None:
    """Apply the anchored log's changes to existing rows; closing acts are never undone."""
    replay, own = divergence.lost, divergence.own
    causes = {id_: causes_in(results) for id_, results in replay.restriction_results.items()}
    changes: list[Callable[[Transaction], object]] = [
        *(partial(_erase, id_) for id_ in replay.erased),
        *(partial(_refuse, id_, code, id_ in own.recordings) for id_, code in replay.refused.items()),
        *(
            partial(_restrict, id_, causes[id_]) if restricted else partial(_lift, id_)
            for id_, restricted in replay.restricted.items()
            if restricted or not own.restricted.get(id_)
        ),
        *(partial(_await_erasure, id_, *waits) for id_, waits in replay.pending.items()),
        *(partial(_end_contact, id_, *told) for id_, told in replay.contact_ends.items()),
        *(partial(_revoke_link, id_, at) for id_, at in replay.revoked_links.items()),
        *(partial(_revoke_key, id_, at) for id_, at in replay.revoked_keys.items()),
        *(partial(_delete_connection, id_) for id_ in replay.deleted_connections),
        *(partial(_delete_endpoint, id_) for id_ in replay.deleted_endpoints),
        *(partial(_hand_over, id_, handed_over) for id_, handed_over in replay.handover.handed_over.items()),
        *(partial(_end_integration, id_, removes) for id_, removes in replay.handover.ended.items()),
        *(partial(_forget_grant, id_) for id_ in sorted(replay.handover.revoked)),
        *(partial(_delete_link_key, id_, at) for id_, at in replay.deleted_link_keys.items()),
        *(partial(end_access, lost) for lost in replay.lost_access.values()),
        *(partial(_end_approval, id_, *ended) for id_, ended in replay.ended_approvals.items()),
    ]
    done = 0
    for batch in batches(changes, _BATCH_SIZE):
        results = await database.write(lambda tx, batch=batch: [change(tx) for change in batch])  # type: ignore[misc]
        report.add("erased", sum(result is True for result in results))
        done += len(batch)
        await progress("log entries", done, len(changes))


async def restrict_unredacted(database: Database, divergence: Divergence, report: Report) -> None:
    """Restrict recordings whose audio still has what was removed by one of both logs. After the closing acts."""
    removed = [
        (recording_id, digest)
        for history in (divergence.lost, divergence.own)
        for recording_id, digests in history.redacted.items()
        for digest in digests
    ]
    for batch in batches(removed, _BATCH_SIZE):
        found = await database.write(partial(_close_all, batch))
        report.findings += [
            f"{recording_id}: spans of its audio were removed, and the object store has no manifest of that. It is "
            "restricted now: erase it, or remove the spans again and lift that."
            for recording_id in dict.fromkeys(filter(None, found))
        ]


def _close_all(removed: Sequence[tuple[str, str]], tx: Transaction) -> list[str | None]:
    return [_close_unredacted(recording_id, digest, tx) for recording_id, digest in removed]


def _close_unredacted(recording_id: str, digest: str, tx: Transaction) -> str | None:
    recording = tx.recordings.by_id(recording_id)
    if recording is None or recording.state in GONE or tx.evidence.has(recording_id, digest):
        return None
    restrict_again(tx, recording, actor=WORKER, causes=["restore"])
    return recording_id


def _erase(recording_id: str, tx: Transaction) -> bool:
    recording = tx.recordings.by_id(recording_id)
    if recording is None or recording.state in {State.ERASING, State.ERASED}:
        return False
    reapply_erasure(tx, recording)
    return True


def _refuse(recording_id: str, code: str, own: bool, tx: Transaction) -> None:  # noqa: FBT001 - bound by place
    restore_refusal(tx, recording_id, code)
    if own:
        # It was admitted since, by a database that lacked the refusal.
        _restrict(recording_id, ["restore"], tx)


def _restrict(recording_id: str, causes: Iterable[str], tx: Transaction) -> None:
    recording = tx.recordings.by_id(recording_id)
    if recording is not None and recording.state not in GONE:
        restrict_again(tx, recording, actor=WORKER, causes=causes)


def _lift(recording_id: str, tx: Transaction) -> None:
    tx.recordings.restrict(recording_id, restricted=False)
    tx.requests.end_restriction(recording_id)
    # The restored manifest may be out of date.
    tx.queue.rewrite_manifest(recording_id)


def _await_erasure(recording_id: str, since: datetime, cause: str, actor: str, tx: Transaction) -> None:
    recording = tx.recordings.by_id(recording_id)
    if recording is not None and recording.state not in GONE:
        restore_pending_erasure(tx, recording, cause=cause, actor=actor, at=since)


def _end_contact(
    recording_id: str, ended_at: datetime | None, at: datetime, actor: str, tx: Transaction
) -> None:
    recording = tx.recordings.by_id(recording_id)
    if recording is not None and recording.state not in GONE:
        restore_contact_end(tx, recording, ended_at=ended_at, actor=actor, at=at)


def _revoke_link(link_id: str, at: datetime, tx: Transaction) -> None:
    tx.links.revoke(link_id, at)


def _revoke_key(key_id: str, at: datetime, tx: Transaction) -> None:
    tx.api_keys.revoke(key_id, at)


def _delete_connection(connection_id: str, tx: Transaction) -> None:
    # The restored account object may be older than the deletion.
    connection = tx.connections.get(connection_id)
    if connection is not None:
        tx.connections.delete(connection)


def _delete_endpoint(endpoint_id: str, tx: Transaction) -> None:
    # As above.
    endpoint = tx.event_endpoints.by_id(endpoint_id)
    if endpoint is not None:
        tx.event_endpoints.delete(endpoint)


def _hand_over(handover_id: str, said: HandedOver, tx: Transaction) -> None:
    # Nobody knows whether it arrived: it is looked for before anything is written or removed.
    recording = tx.recordings.by_id(said.recording_id)
    tx.handovers.add([
        StoredHandover(
            id=handover_id, account_id=said.account_id, integration_id=said.integration_id,
            recording_id=said.recording_id, created_at=said.at, changed_at=said.at, sent_at=said.at, state="unknown",
            desired="absent" if recording is None or recording.state in GONE else "present",
        )
    ])  # fmt: skip


def _end_integration(integration_id: str, removes: bool, tx: Transaction) -> None:  # noqa: FBT001 - bound by place
    # The restored account object may be older than that. Its grant may live on, and a worker has it revoked.
    stored = tx.integrations.by_id(integration_id)
    if stored is not None and stored.state != "ended":
        end_integration(tx, stored, removes=removes, grant=stored.sealed)


def _forget_grant(integration_id: str, tx: Transaction) -> None:
    # As above. One that the log says to be revoked has ended before.
    stored = tx.integrations.by_id(integration_id)
    if stored is not None and stored.is_revoking:
        tx.integrations.put(replace(stored, sealed=""))


def _delete_link_key(key_id: str, at: datetime, tx: Transaction) -> None:
    # As above.
    tx.link_keys.delete(key_id, at)


def _end_approval(approval_id: str, state: str, at: datetime, tx: Transaction) -> None:
    tx.approvals.end(approval_id, ApprovalState(state), at)
