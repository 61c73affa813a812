"""Preview a change of the retention policy: what it would do to every recording, with the code of the sweep."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import Recording
from vault.domain.retention.judge import judge
from vault.domain.retention.policy import RetentionPolicy, conflicts
from vault.domain.retention.terms import is_after
from vault.errors import Conflicting
from vault.services.retention.check_policy import check
from vault.services.retention.compute_terms import ComputeTerms, RetentionFacts
from vault.services.retention.previews import keep_preview
from vault.services.retention.retention_policy import preview_subject
from vault.services.shared.paced import paced

#: What happens to a recording. ``undated``: never due; ``later``: due after 30 days. ``told_otherwise`` is counted
#: beside one of the others.
PreviewOutcome = Literal[
    "due_now", "due_30d", "later", "undated", "held", "below_minimum", "conflict", "told_otherwise", "review"
]
OUTCOMES: Final[tuple[PreviewOutcome, ...]] = get_args(PreviewOutcome)
#: Where nothing happens, whatever a notice promised.
_UNDECIDED: Final = frozenset({"held", "conflict", "undated"})
_SOON: Final = timedelta(days=30)
_BATCH_SIZE, _NAMED = 200, 20


@dataclass(slots=True, kw_only=True)
class PolicyPreview:
    """The number of recordings by outcome, and those that would be due now."""

    counts: Counter[PreviewOutcome] = field(default_factory=Counter)
    #: When the oldest and the newest of them began to count.
    oldest: datetime | None = None
    newest: datetime | None = None
    recording_ids: list[str] = field(default_factory=list)
    digest: str = ""
    #: How long what it keeps shorter waits: by the policy in force or by this one, whichever is longer.
    waiting: timedelta = timedelta()

    def add(self, outcome: PreviewOutcome, recording_id: str, base_at: datetime) -> None:
        """Count a recording."""
        self.counts[outcome] += 1
        if outcome == "due_now":
            self.oldest = min(base_at, self.oldest or base_at)
            self.newest = max(base_at, self.newest or base_at)
            if len(self.recording_ids) < _NAMED:
                self.recording_ids.append(recording_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPolicy:
    """Preview the effect of a policy. Changes nothing."""

    database: Database
    compute: ComputeTerms

    async def __call__(self, account_id: str, wanted: RetentionPolicy) -> PolicyPreview:
        """Judge every available recording of the account, in constant memory, and store the digest of the result.

        Raises Invalid, Conflicting, Unavailable.
        """
        check(wanted)
        if pairs := conflicts(wanted):
            raise Conflicting([(pair.minimum_of, pair.maximum_of) for pair in pairs])
        preview, after = PolicyPreview(), None
        notice_periods = await self.compute.notice_periods(account_id)
        while True:
            batch = await self.database.read(
                lambda tx, after=after: tx.retention.available(account_id, after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
            )
            held, now = await self.database.read(lambda tx, batch=batch: _held(tx, batch))  # type: ignore[misc]
            async for found in paced((await self.compute.facts(batch, [wanted], notice_periods)).found):
                for outcome in _outcomes(found, wanted, now, held=found.recording.id in held):
                    preview.add(outcome, found.recording.id, found.times.base[1])
            if len(batch) < _BATCH_SIZE:
                break
            after = (batch[-1].received_at, batch[-1].id)
        policies = await self.database.read(lambda tx: tx.retention.policies(account_id, tx.now()))
        version = policies.newest.version
        preview.waiting = max(policies.current.waiting, wanted.waiting)
        shown = {"counts": {name: preview.counts[name] for name in OUTCOMES}, "version": version}
        subject = preview_subject(wanted, version)
        preview.digest = await self.database.write(lambda tx: keep_preview(tx, account_id, subject, shown))
        return preview


def _held(tx: Transaction, batch: Sequence[Recording]) -> tuple[set[str], datetime]:
    now = tx.now()
    holds = tx.holds.in_effect(batch[0].account_id, now) if batch else []
    return {one.id for one in batch if tx.holds.covering(one, now, among=holds)}, now


def _outcomes(
    found: RetentionFacts, wanted: RetentionPolicy, now: datetime, *, held: bool
) -> Sequence[PreviewOutcome]:
    """Return what happens to a recording, and ``told_otherwise`` too where a notice lets it happen earlier."""
    terms = found.terms([wanted])
    without_notices = replace(found, notice_periods=()).terms([wanted]) if found.notice_periods else terms
    due = judge(terms, [], "retention", now).outcome == "due"
    waits = is_after(terms.minimum_until, now) and terms.act_at == terms.minimum_until
    order: tuple[tuple[bool, PreviewOutcome], ...] = (
        (held, "held"),
        (terms.conflict, "conflict"),
        (terms.act_at is None, "undated"),
        (due and terms.at_end == "review", "review"),
        (due, "due_now"),
        (waits, "below_minimum"),
        (not is_after(terms.act_at, now + _SOON), "due_30d"),
    )
    outcome: PreviewOutcome = next((outcome for applies, outcome in order if applies), "later")
    told = outcome not in _UNDECIDED and terms.act_at != without_notices.act_at
    return (outcome, "told_otherwise") if told else (outcome,)
