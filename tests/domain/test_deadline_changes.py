"""What moves the clock of a request, and what is refused because it would move a deadline that has passed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vault.domain.requests.deadline import extended, paused, resumed, verified
from vault.domain.requests.request import (
    Extension,
    PauseReason,
    PersonalData,
    Regime,
    Request,
    RequestState,
    Verification,
)
from vault.errors import Refused

RECEIVED = datetime(2027, 3, 10, 12, tzinfo=UTC)
#: The end of 10 April in London.
DUE = datetime(2027, 4, 10, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
NEW = PersonalData(reference="r", identities=())


def request(personal: PersonalData = NEW, *, regime: Regime = "uk") -> Request:
    """Return a request."""
    return Request(
        id="req_1",
        account_id="acct_1",
        kind="access",
        regime=regime,
        state=RequestState.REVIEW,
        received_at=RECEIVED,
        created_at=RECEIVED,
        due_at=None,
        closed_at=None,
        repeat_of=None,
        revision=1,
        personal=personal,
    )


def pause(
    personal: PersonalData, reason: PauseReason, now: datetime, *, regime: Regime = "uk"
) -> PersonalData:
    """Pause the request."""
    return paused(request(personal, regime=regime), personal, reason, now=now)


def refusal(error: pytest.ExceptionInfo[Refused]) -> tuple[str, ...]:
    """Return the reasons of a refusal."""
    return error.value.reasons


def test_only_an_earlier_verification_replaces_the_known_one():
    """The same one again changes nothing, also from another key; a later one would begin the period again."""
    first = Verification(method="login", at=RECEIVED + HOUR, by="key_a")
    known = verified(NEW, first)
    assert known.verification == first
    assert verified(known, replace(first, by="key_b")) is known
    with pytest.raises(Refused, match="only an earlier") as later:
        verified(known, replace(first, at=first.at + HOUR))
    assert refusal(later) == ("verified",)
    for corrected in (replace(first, at=RECEIVED), replace(first, method="callback")):
        assert verified(known, corrected).verification == corrected


def test_a_pause_for_the_identity_is_over_once_it_is_verified():
    """It can neither be ended nor begun again, and another one can begin."""
    waiting = pause(NEW, "identity", RECEIVED + HOUR)
    assert waiting.waiting == waiting.pauses[-1]
    known = verified(waiting, Verification(method="login", at=RECEIVED + 2 * HOUR, by="key_a"))
    assert known.waiting is None
    with pytest.raises(Refused) as ended:
        resumed(known, now=RECEIVED + 3 * HOUR)
    assert refusal(ended) == ("not_paused",)
    with pytest.raises(Refused) as needless:
        pause(known, "identity", RECEIVED + 3 * HOUR)
    assert refusal(needless) == ("verified",)
    other = pause(known, "fee", RECEIVED + 3 * HOUR)
    assert [one.reason for one in other.pauses] == ["identity", "fee"]
    assert resumed(other, now=RECEIVED + 4 * HOUR).waiting is None


def test_a_pause_after_the_deadline_is_refused_where_it_would_move_one():
    """Under the regime uk; elsewhere it is a note."""
    assert pause(NEW, "fee", DUE - HOUR).waiting is not None
    with pytest.raises(Refused) as late:
        pause(NEW, "fee", DUE)
    assert refusal(late) == ("overdue",)
    assert pause(NEW, "fee", DUE + 999 * HOUR, regime="gdpr").waiting is not None


def test_a_deadline_is_extended_once():
    """The second one is refused."""
    extension = Extension(until=DUE + 24 * HOUR, reason="many calls", told_at=RECEIVED + HOUR)
    known = extended(request(), NEW, extension, now=RECEIVED + HOUR)
    assert known.extension == extension
    with pytest.raises(Refused) as second:
        extended(request(known), known, extension, now=RECEIVED + HOUR)
    assert refusal(second) == ("extended",)
