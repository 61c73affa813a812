"""The answer at call start says which notices to play, and which ones are missing: what to publish."""

from datetime import UTC, datetime

import pytest

from tests.support.notice_drafts import TEXT, wish
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.services.admission.call_start import CallAnswer

ME = {"actor": "key_test"}


async def start(house: House, *, caller: str = "+14155550142", call_ref: str = "call-1") -> CallAnswer:
    """Report an incoming call to New York."""
    facts = CallFacts(
        call_ref=call_ref,
        direction="inbound",
        caller=caller,
        callee="+12125550100",
        started_at=datetime.now(UTC),
    )
    return await house.vault.recordings.calls.start(house.account.id, facts)


async def publish(house: House, **said: object) -> None:
    """Publish a notice."""
    made = await house.vault.consent.notices.draft(house.account.id, wish(text=TEXT, **said), **ME)
    await house.vault.consent.notices.publish(house.account.id, made.id, **ME)


def missing(answer: CallAnswer) -> list[str]:
    """Return the sentences about notices that are not published."""
    return [one.text for one in answer.decision.reasons if one.code == "no_notice_published"]


@pytest.mark.parametrize("reports", [1, 2])
async def test_a_notice_that_is_not_published_is_named_with_the_remedy(either: House, reports: int):
    """At the first report of a call and at each later one; the verdict stays as it is."""
    for _ in range(reports):
        answer = await start(either)
    assert (answer.decision.verdict, answer.decision.mode, answer.notices) == ("allow", "announce", ())
    (text,) = missing(answer)
    assert "caller" in text
    assert "publish a notice" in text
    await publish(either, audience="callee")
    assert missing(await start(either)) == [text]
    await publish(either, audience="caller")
    answer = await start(either)
    assert (missing(answer), [party for party, _ in answer.notices]) == ([], ["caller"])


async def test_where_no_notice_is_needed_none_is_missed(house: House):
    """Between two places of one party's consent, and where the call is not recorded at all."""
    assert missing(await start(house, caller="+12125550142")) == []
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    answer = await start(house, call_ref="call-2")
    assert (answer.decision.record, missing(answer)) == (False, [])
