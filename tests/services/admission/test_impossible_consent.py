"""Words that cannot have been said: in the future, outside the call, in a way that says nothing, of no notice."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.notice_drafts import TEXT, wish
from tests.support.parties import ME, announced, evidence, let_in, set_policy, tell, through_the_gate
from tests.support.service_house import House
from tests.support.tenant import moment, tone
from vault.domain.calls.call import CallFacts
from vault.domain.notices.audio import PromptRequest
from vault.domain.recordings.recording import State
from vault.errors import Invalid, Refused

pytestmark = pytest.mark.faults

#: The call began half an hour before it is told of, and lasted ten minutes: seconds from its start.
END, NOW = 600, 1800
FUTURE, AFTER, BEFORE = ("in_the_future",), ("after_the_call",), ("before_the_call",)


@pytest.mark.parametrize(
    ("answer", "method", "second", "refused"),
    [
        ("announced", "announcement", 0, None),
        ("announced", "announcement", END, None),
        # Clocks differ by a minute at most.
        ("announced", "announcement", -59, None),
        ("announced", "announcement", -61, BEFORE),
        ("announced", "announcement", END + 59, None),
        ("announced", "announcement", END + 61, AFTER),
        ("announced", "tone", -61, BEFORE),
        ("announced", "tone", END + 61, AFTER),
        ("announced", "speech", END + 61, AFTER),
        ("accepted", "key", -61, BEFORE),
        ("accepted", "key", END + 61, AFTER),
        ("accepted", "speech", END + 61, AFTER),
        # A no is stored whatever the clocks say: the call may go on after its first leg has ended.
        ("declined", "key", END + 61, None),
        ("declined", "speech", -61, None),
        ("declined", "key", NOW + 120, None),
        # A contract or a letter is not bound to the call, and a party may withdraw when it likes.
        ("announced", "form", -86_400, None),
        ("accepted", "form", END + 900, None),
        ("declined", "form", END + 900, None),
        ("withdrawn", "form", END + 900, None),
        ("withdrawn", "speech", END + 900, None),
        ("withdrawn", "key", END + 900, None),
        # But nothing that permits a recording happens later than it is told of.
        ("announced", "announcement", NOW + 120, FUTURE),
        ("accepted", "form", NOW + 120, FUTURE),
        ("withdrawn", "form", NOW + 120, None),
    ],
)
@pytest.mark.parametrize("said_by", ["the call's events", "the announcement"])
async def test_what_cannot_have_happened_is_refused(
    house: House, answer, method, second, refused, *, said_by
):
    """And nothing of it is kept, no matter who said when the call was."""
    began = datetime.now(UTC) - timedelta(seconds=NOW)
    ended = began + timedelta(seconds=END)
    if said_by == "the announcement":
        await set_policy(house, withdrawal="restrict")
        recording_id = await announced(house, started_at=moment(began), ended_at=moment(ended))
        assert await through_the_gate(house, recording_id) is State.QUARANTINED
    else:
        facts = CallFacts(call_ref="call-1", started_at=began, ended_at=ended)
        await house.vault.recordings.calls.start(house.account.id, facts)
    at = began + timedelta(seconds=second)
    if refused is None:
        await tell(house, answer, method=method, at=at)
    else:
        with pytest.raises(Refused) as caught:
            await tell(house, answer, method=method, at=at)
        assert caught.value.reasons == refused
    rows = await house.database.read(lambda tx: tx.consents.of_call(house.account.id, "call-1"))
    assert len(rows) == (refused is None)
    assert ("consent.told" in await house.events()) is (refused is None)


@pytest.mark.parametrize("second", [-86_400, 0, NOW])
async def test_of_a_call_of_which_nothing_is_known_anything_may_be_told(house: House, second):
    """Only the future is impossible where nobody said when the call was."""
    at = datetime.now(UTC) + timedelta(seconds=second - NOW)
    assert (await tell(house, "accepted", at=at)).verdict == "allow"


@pytest.mark.parametrize(
    ("answer", "methods"),
    [
        ("announced", {"announcement", "tone", "form", "speech"}),
        ("accepted", {"key", "speech", "form"}),
        # A no is stored by whatever method it is reported.
        ("declined", {"announcement", "tone", "key", "speech", "form"}),
        ("withdrawn", {"announcement", "tone", "key", "speech", "form"}),
    ],
)
async def test_an_answer_comes_in_a_way_that_says_it(house: House, answer, methods):
    """Nobody agrees by hearing a tone: the field is named."""
    for method in ("announcement", "tone", "key", "speech", "form"):
        if method in methods:
            await tell(house, answer, method=method)
            continue
        with pytest.raises(Invalid) as caught:
            await tell(house, answer, method=method)
        assert caught.value.field == "method"


async def test_a_notice_that_was_told_is_one_that_was_published(house: House):
    """A draft was never heard; one that was retired since has been. Its audio says how long it is."""
    await set_policy(house)
    draft = await house.vault.consent.notices.draft(house.account.id, wish(text=TEXT), **ME)
    for notice_id in (draft.id, "ntc_0"):
        with pytest.raises(Invalid) as caught:
            await tell(house, "announced", notice=notice_id)
        assert caught.value.field == "notice"
        # A no needs no notice.
        await tell(house, "declined", notice=notice_id, call="call-2")
    await house.vault.consent.notices.set_audio(house.account.id, draft.id, tone(1.0), PromptRequest(), **ME)
    notice = await house.vault.consent.notices.publish(house.account.id, draft.id, **ME)
    await house.vault.consent.notices.retire(house.account.id, notice.id, **ME)
    await tell(house, "announced", notice=notice.id)
    await tell(house, "announced", notice=notice.id, length=timedelta(seconds=9))
    recording_id = await let_in(house)
    first, second, third = (await evidence(house, recording_id)).sealed.content["consent"]
    assert (first["length"], second["length"]) == (notice.audio_seconds, 9.0)
    assert first["notice"] == {
        "id": notice.id,
        "version": 1,
        "language": notice.language,
        "text_sha256": notice.text_sha256,
        "audio_sha256": notice.audio_sha256,
    }
    assert ("notice" in third, "length" in third) == (False, False)
