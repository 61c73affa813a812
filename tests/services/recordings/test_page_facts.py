"""What a page of recordings decrypts: the facts of a call once, however many of its recordings are on the page."""

import pytest

from tests.support.parties import set_policy, through_the_gate
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import RecordingFilter
from vault.services.shared import encrypted_fields

#: Facts of the call, which its recordings add none to.
FACTS = 6


async def test_a_page_decrypts_the_facts_of_a_call_once(either: House, monkeypatch: pytest.MonkeyPatch):
    """Of 2, 4 and 8 recordings of one call: one row more for each recording."""
    await set_policy(either, missing_evidence="accept", reason="a test")
    account, found = either.account.id, list[tuple[int, int]]()
    for number in range(FACTS):
        facts = CallFacts(
            call_ref="call-1", direction="inbound", caller="+14155550123", agent=f"agent {number}"
        )
        await either.vault.recordings.calls.start(account, facts)
    opened, original = [], encrypted_fields.open_message

    def counted(*arguments, **named):
        opened.append(1)
        return original(*arguments, **named)

    monkeypatch.setattr(encrypted_fields, "open_message", counted)
    made = 0
    for until in (2, 4, 8):
        while made < until:
            recording = await either.announce(f"rec-{made}")
            await through_the_gate(either, str(recording.recording_id))
            made += 1
        opened.clear()
        page = await either.vault.recordings.recordings.page(
            account, RecordingFilter(), number=None, agent=None, before=None, limit=50
        )
        assert len(page) == until
        assert {one.facts.caller for one in page} == {"+14155550123"}
        found.append((until, len(opened)))
    # The details of a recording are a row of their own.
    assert {rows - until for until, rows in found} == {FACTS}, found
