"""A no stands until the same party consents again, after it."""

from datetime import UTC, datetime, timedelta

import pytest

from vault.domain.consent.consent_event import Answer, ConsentEvent, Method, Party, parties_against

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def event(
    answer: Answer, at: int, *, party: Party = "caller", method: Method = "form", received: int | None = None
) -> ConsentEvent:
    """Return an event at this minute, received then or at another minute."""
    return ConsentEvent(
        id="told_1", party=party, answer=answer, method=method, at=NOON + timedelta(minutes=at),
        heard_at=NOON + timedelta(minutes=at if received is None else received), told_by="key_1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "against"),
    [
        ([], ()),
        ([event("accepted", 0)], ()),
        ([event("announced", 0)], ()),
        ([event("declined", 1)], ("caller",)),
        ([event("withdrawn", 1)], ("caller",)),
        ([event("withdrawn", 1), event("accepted", 2)], ()),
        ([event("declined", 1), event("accepted", 2), event("withdrawn", 3)], ("caller",)),
        # Consent of before the no takes nothing back, however late it is reported.
        ([event("accepted", 0), event("withdrawn", 1)], ("caller",)),
        ([event("withdrawn", 1), event("accepted", 0, received=2)], ("caller",)),
        ([event("withdrawn", 1), event("accepted", 1)], ("caller",)),
        # The last no counts, in the order in which they were given.
        ([event("withdrawn", 5), event("declined", 1, received=6), event("accepted", 3, received=7)], ("caller",)),
        ([event("withdrawn", 1), event("declined", 5), event("accepted", 3, received=6)], ("caller",)),
        # Hearing a notice is no consent.
        ([event("withdrawn", 1), event("announced", 2)], ("caller",)),
        ([event("withdrawn", 1), event("accepted", 2, method="announcement")], ("caller",)),
        # Nobody consents for another party.
        ([event("withdrawn", 1), event("accepted", 2, party="callee")], ("caller",)),
        ([event("withdrawn", 1), event("declined", 1, party="callee"), event("accepted", 2)], ("callee",)),
        # A no that is dated in the future can be taken back once it was received.
        ([event("declined", 90, received=1), event("accepted", 2)], ()),
        # A consent that is dated in the future was given when it was received.
        ([event("accepted", 90, received=0), event("declined", 1)], ("caller",)),
    ],
)  # fmt: skip
def test_whose_no_stands(events: list[ConsentEvent], against: tuple[Party, ...]):
    """Those of whom the last word is a no."""
    assert parties_against(events) == against
