"""Policies on card data in audio, and proposals to remove it."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection as DbConnection
from sqlalchemy import RowMapping, delete, insert, select, update

from vault.database.account_parts.card_data import card_data_policy_of, put_card_data_policy
from vault.database.account_parts.part import account_changed
from vault.database.schema.card_data import redaction_proposals
from vault.database.schema.core import recordings
from vault.database.stores.rows import Rows
from vault.domain.recordings.back_fill import SEARCHED
from vault.domain.recordings.card_data import CardDataPolicy, FoundDigits, Proposal
from vault.domain.recordings.recording import State
from vault.domain.recordings.redaction import Span

_P = redaction_proposals.c


class CardDataRows(Rows):
    """Policies and proposals, in one transaction."""

    def policy(self, account_id: str) -> CardDataPolicy:
        """Return what an account has set, which is off if it was never set."""
        return card_data_policy_of(self._db, account_id) or CardDataPolicy()

    def set_policy(self, account_id: str, policy: CardDataPolicy) -> None:
        """Replace it; the account's object becomes due."""
        put_card_data_policy(self._db, account_id, policy)
        account_changed(self._db, account_id)

    def propose(self, proposals: Sequence[Proposal]) -> None:
        """Insert what was found in a recording."""
        rows = [
            {
                "id": one.id, "account_id": one.account_id, "recording_id": one.recording_id,
                "kind": one.digits.kind, "begin_ms": one.digits.begin_ms, "end_ms": one.digits.end_ms,
                "found_at": one.found_at, "unremoved": one.unremoved,
            }
            for one in proposals
        ]  # fmt: skip
        if rows:
            self._db.execute(insert(redaction_proposals), rows)

    def propose_new(self, proposals: Sequence[Proposal]) -> int:
        """Insert what is not proposed already of one recording; return how many. The others say why they stay."""
        if not proposals:
            return 0
        rows = self._db.execute(
            select(redaction_proposals).where(_P.recording_id == proposals[0].recording_id)
        ).mappings()
        there = {_proposal(row).digits: row["id"] for row in rows}
        for one in proposals:
            if one.digits in there:
                same = update(redaction_proposals).where(_P.id == there[one.digits])
                self._db.execute(same.values(unremoved=one.unremoved))
        new = [one for one in proposals if one.digits not in there]
        self.propose(new)
        return len(new)

    def get(self, account_id: str, proposal_id: str) -> Proposal | None:
        """Return a proposal."""
        mine = (_P.account_id == account_id) & (_P.id == proposal_id)
        row = self._db.execute(select(redaction_proposals).where(mine)).mappings().first()
        return None if row is None else _proposal(row)

    def page(
        self, account_id: str, *, recording_id: str | None, after: str | None, limit: int
    ) -> Sequence[Proposal]:
        """Return a page of the proposals on recordings of an account, available or in quarantine, or on one of them.

        By id.
        """
        mine = (_P.account_id == account_id) & recordings.c.state.in_(SEARCHED)
        if recording_id is not None:
            mine &= _P.recording_id == recording_id
        if after is not None:
            mine &= _P.id > after
        query = (
            select(redaction_proposals, recordings.c.state)
            .join(recordings, recordings.c.id == _P.recording_id)
            .where(mine)
            .order_by(_P.id)
            .limit(limit)
        )
        return [
            replace(_proposal(row), in_quarantine=row["state"] == State.QUARANTINED)
            for row in self._db.execute(query).mappings()
        ]

    def delete(self, proposal_id: str) -> None:
        """Delete a proposal."""
        self._db.execute(delete(redaction_proposals).where(_P.id == proposal_id))

    def delete_within(self, recording_id: str, spans: Sequence[Span]) -> None:
        """Delete the proposals on a recording that lie within a span; each span must be of all channels."""
        rows = self._db.execute(select(redaction_proposals).where(_P.recording_id == recording_id)).mappings()
        for row in rows.all():
            if any(span.begin_ms <= row["begin_ms"] and row["end_ms"] <= span.end_ms for span in spans):
                self.delete(row["id"])


def forget_proposals(db: DbConnection, recording_ids: Sequence[str]) -> None:
    """Delete every proposal on recordings whose audio goes."""
    db.execute(delete(redaction_proposals).where(_P.recording_id.in_(recording_ids)))


def _proposal(row: RowMapping) -> Proposal:
    return Proposal(
        id=row["id"],
        account_id=row["account_id"],
        recording_id=row["recording_id"],
        digits=FoundDigits(kind=row["kind"], begin_ms=row["begin_ms"], end_ms=row["end_ms"]),
        found_at=row["found_at"],
        unremoved=row["unremoved"],
    )
