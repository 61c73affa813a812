"""Retention policies: conflicts, previews, the wait of what shortens, and why a recording is still here."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.notice_drafts import TEXT, wish
from tests.support.parties import ME, let_in
from tests.support.retention import NUMBER, age_policies, age_previews, kept, place, set_retention
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.domain.retention.policy import ConflictDecision, Match, RetentionClass, RetentionPolicy
from vault.errors import Conflicting, Invalid, Refused
from vault.services.consent.consent_records import ConsentRequest


async def _set(house: House, classes: Sequence[RetentionClass], **how: Any) -> None:
    wanted = RetentionPolicy(classes=tuple(classes), decisions=how.pop("decisions", ()))
    how = {"if_version": None, "digest": None} | how
    await house.vault.retention.policy.set(house.account.id, wanted, **how, **ME)


async def _history(house: House) -> Sequence[RetentionPolicy]:
    return await house.vault.retention.policy.history(house.account.id, after=0, limit=50)


async def test_without_a_policy_nothing_is_due(house: House):
    """Without a policy nothing is due."""
    recording_id = await let_in(house)
    shown = await house.vault.retention.recordings(house.account.id, recording_id)
    assert (shown.judgement.outcome, shown.judgement.reasons[0].code) == ("keep", "no_policy")
    assert await house.vault.jobs.apply_policies() == 0


async def test_a_minimum_above_a_maximum_is_refused_until_it_is_decided(either: House):
    """A minimum above a maximum is refused until it is decided."""
    classes = [
        kept("cnil", maximum="P6M"),
        kept("mifid", minimum="P5Y", minimum_ground="legal_obligation", statute="MiFID II 16(7)"),
    ]
    with pytest.raises(Conflicting) as refused:
        await _set(either, classes)
    assert refused.value.pairs == (("mifid", "cnil"),)
    decision = ConflictDecision(minimum_of="mifid", maximum_of="cnil", applies="minimum", reason="Counsel")
    policy = await set_retention(either, *classes, decisions=(decision,))
    assert policy.decisions == (decision,)
    recording_id = await let_in(either)
    shown = await either.vault.retention.recordings(either.account.id, recording_id)
    assert {bound.kind for bound in shown.terms.bounds} == {"minimum", "maximum"}
    assert shown.judgement.reasons[0].code == "minimum_legal"


async def test_what_shortens_needs_a_preview_and_waits(either: House):
    """What shortens needs a preview and waits."""
    recording_id = await let_in(either)
    with pytest.raises(Refused) as refused:
        await _set(either, [kept(period="P1Y")])
    assert refused.value.reasons == ("preview_missing",)
    account_id, year = either.account.id, RetentionPolicy(classes=(kept(period="P1Y"),))
    preview = await either.vault.retention.preview(account_id, year)
    assert preview.counts["later"] == 1
    # The digest is good for this change alone, and for a day.
    with pytest.raises(Refused) as refused:
        await _set(either, [kept(period="P1D")], digest=preview.digest)
    assert refused.value.reasons == ("preview_stale",)
    await age_previews(either, timedelta(days=1, seconds=1))
    with pytest.raises(Refused):
        await _set(either, [kept(period="P1Y")], digest=preview.digest)
    first = await set_retention(either, kept(period="P1D"), at_once=False)
    view = await either.vault.retention.policy.read(account_id)
    assert (view.current.version, [waits.version for waits in view.waiting]) == (0, [1])
    assert first.effective_at is not None
    assert first.changed_at is not None
    assert first.effective_at - first.changed_at == timedelta(days=7)
    await either.set(recording_id, call_ended_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert await either.vault.jobs.apply_policies() == 1
    marks = await either.database.read(lambda tx: tx.retention.marks(recording_id))
    assert marks is not None
    assert marks.act_at is None
    await age_policies(either, timedelta(days=5))
    await set_retention(
        either, kept(period="P2D"), at_once=False
    )  # Begins the wait again: a first policy is not in force.
    await age_policies(either, timedelta(days=3))
    view = await either.vault.retention.policy.read(account_id)
    assert (view.current.version, len(view.waiting)) == (0, 2)


async def test_what_only_lengthens_holds_at_once(house: House):
    """A change that only lengthens takes effect immediately."""
    await set_retention(house, kept(period="P30D"))
    await _set(house, [kept(period="P1Y")])
    view = await house.vault.retention.policy.read(house.account.id)
    assert (view.current.version, view.waiting) == (2, ())
    await _set(house, [kept(period="P1Y")])
    assert [policy.version for policy in await _history(house)] == [1, 2]
    assert (await house.events()).count("retention.changed") == 2
    with pytest.raises(Refused) as refused:
        await _set(house, [kept(period="P2Y")], if_version=1)
    assert refused.value.reasons == ("changed",)


async def test_texts_of_a_policy_are_sealed(house: House):
    """Texts of a policy are sealed."""
    agent = kept("robin", period="P1Y", match=Match(agent="robin@acme.example"))
    await set_retention(house, agent, told_reason="A dispute with Doe")
    (stored,) = await house.database.read(lambda tx: tx.retention.history(house.account.id, after=0, limit=9))
    for word in ("Quality", "robin@", "A dispute with Doe"):
        assert word not in repr(stored)
    assert (await house.vault.retention.policy.read(house.account.id)).current.classes == (agent,)


@pytest.mark.parametrize(
    ("classes", "field"),
    [
        ([kept("A b", period="P1Y")], "classes.0.class"),
        ([kept()], "classes.0.period"),
        ([kept(minimum="P1Y")], "classes.0.minimum_ground"),
        ([kept(minimum="P1Y", minimum_ground="legal_obligation")], "classes.0.statute"),
        ([kept(period="P1Y"), kept(period="P2Y")], "classes"),
    ],
)
async def test_a_policy_that_says_nothing_is_refused(house: House, classes: list[RetentionClass], field: str):
    """A policy that says nothing is refused."""
    with pytest.raises(Invalid) as refused:
        await _set(house, classes)
    assert refused.value.field == field


async def test_the_preview_counts_by_outcome(house: House):
    """The preview counts by outcome."""
    for n, call in enumerate(("call-1", "call-2", "call-3")):
        await let_in(house, f"rec-{n}", call_ref=call)
    await place(house, calls=["call-2"])
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-3", agent="robin"))
    wanted = RetentionPolicy(
        classes=(kept(period="P1D"), kept("robin", period="P3Y", match=Match(agent="robin")))
    )
    preview = await house.vault.retention.preview(house.account.id, wanted)
    assert {name: number for name, number in preview.counts.items() if number} == {
        "due_30d": 1, "held": 1, "later": 1,
    }  # fmt: skip
    minimum = kept(period="P1D", minimum="P1M", minimum_ground="business")
    preview = await house.vault.retention.preview(house.account.id, RetentionPolicy(classes=(minimum,)))
    assert (preview.counts["below_minimum"], preview.counts["held"]) == (2, 1)


async def test_a_minimum_stops_a_deletion_and_says_which(either: House):
    """A minimum stops a deletion and says which."""
    recording_id = await let_in(either)
    await set_retention(
        either, kept(minimum="P5Y", minimum_ground="legal_obligation", statute="MiFID II 16(7)", period="P5Y")
    )
    with pytest.raises(Refused) as refused:
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    assert refused.value.reasons == ("busy",)
    await either.vault.jobs.apply_policies()
    with pytest.raises(Refused, match="minimum P5Y") as refused:
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    assert refused.value.reasons == ("minimum_legal",)


async def test_a_late_fact_lets_the_terms_be_computed_again(either: House):
    """A late fact lets the terms be computed again."""
    recording_id, account_id = await let_in(either), either.account.id
    await set_retention(either, kept(period="P1Y"))
    await either.vault.jobs.apply_policies()
    before = await either.vault.retention.recordings(account_id, recording_id)
    ended = datetime.now(UTC) - timedelta(days=3)
    await either.vault.recordings.calls.start(
        account_id, CallFacts(call_ref="call-1", caller=NUMBER, ended_at=ended)
    )
    marks = await either.database.read(lambda tx: tx.retention.marks(recording_id))
    assert marks is not None
    assert marks.policy_version < 0
    assert await either.vault.jobs.apply_policies() == 1
    after = await either.vault.retention.recordings(account_id, recording_id)
    assert (before.terms.base, after.terms.base) == ("receipt", "call_end")
    assert after.terms.base_at == ended


async def _announce(house: House) -> None:
    """Let the parties of call-1 hear a notice that promises six months."""
    draft = await house.vault.consent.notices.draft(house.account.id, wish(text=TEXT), **ME)
    notice = await house.vault.consent.notices.publish(house.account.id, draft.id, **ME)
    told = ConsentRequest(
        party="caller", answer="announced", method="announcement", at=datetime.now(UTC), notice=notice.id
    )
    await house.vault.consent.records.report(house.account.id, "call-1", told, **ME)


async def test_a_notice_that_is_reported_after_the_gate_limits_its_recording(either: House):
    """Its terms are computed again: the row was computed without the notice."""
    recording_id = await let_in(either)
    await set_retention(either, kept(period="P10Y"))
    await either.vault.jobs.apply_policies()
    await _announce(either)
    assert await either.vault.jobs.apply_policies() == 1
    marks = await either.database.read(lambda tx: tx.retention.marks(recording_id))
    assert marks is not None
    assert marks.act_at is not None
    assert marks.act_at - datetime.now(UTC) < timedelta(days=200)


async def test_a_preview_counts_what_a_notice_lets_leave_now(either: House):
    """The call is older than the six months of its notice: the first run erases it, whatever the policy's period."""
    await _announce(either)
    recording_id = await let_in(either)
    ended = datetime.now(UTC) - timedelta(days=400)
    await either.set(recording_id, call_ended_at=ended)
    preview = await either.vault.retention.preview(
        either.account.id, RetentionPolicy(classes=(kept(period="P10Y"),))
    )
    assert {name: number for name, number in preview.counts.items() if number} == {
        "due_now": 1, "told_otherwise": 1,
    }  # fmt: skip
    assert (preview.recording_ids, preview.oldest, preview.newest) == ([recording_id], ended, ended)


async def test_case_14_what_callers_were_told_is_kept_to_unless_a_reason_is_given(either: House):
    """The preview counts those calls, and they leave when the notice said; a reason lets the policy apply."""
    await _announce(either)
    recording_id = await let_in(either)
    other = await let_in(either, "rec-2", call_ref="call-2")
    preview = await either.vault.retention.preview(
        either.account.id, RetentionPolicy(classes=(kept(period="P1Y"),))
    )
    assert (preview.counts["told_otherwise"], preview.counts["later"]) == (1, 2)

    async def months_kept(name: str) -> int:
        await either.vault.jobs.apply_policies()
        marks = await either.database.read(lambda tx: tx.retention.marks(name))
        assert marks is not None
        assert marks.act_at is not None
        return round((marks.act_at - datetime.now(UTC)) / timedelta(days=30.4))

    await set_retention(either, kept(period="P1Y"))
    assert [await months_kept(one) for one in (recording_id, other)] == [6, 12]
    await set_retention(either, kept(period="P1Y"), told_reason="A dispute about these calls")
    assert [await months_kept(one) for one in (recording_id, other)] == [12, 12]


async def test_what_begins_with_the_end_of_a_contact_has_a_maximum(house: House):
    """Nothing tells the vault of that end: without a maximum it would be kept for good, and nobody would notice."""
    wanted = RetentionPolicy(classes=(kept(period="P3Y", starts="contact_ended"),))
    with pytest.raises(Invalid) as refused:
        await house.vault.retention.preview(house.account.id, wanted)
    assert refused.value.field == "classes.0.maximum"
    bounded = RetentionPolicy(classes=(kept(period="P3Y", maximum="P10Y", starts="contact_ended"),))
    recording_id = await let_in(house)
    preview = await house.vault.retention.preview(house.account.id, bounded)
    assert (preview.counts["later"], preview.counts["undated"]) == (1, 0)
    assert recording_id not in preview.recording_ids
