"""Consent that cannot have happened as it is told, and numbers that are none: refused, with what is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.journeys.consent_events import begin, tell
from tests.support.tenant import Tenant, moment
from vault.simulator.call import CUSTOMER, LINE

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("said", "seconds", "status", "why"),
    [
        ({"method": "announcement"}, 30 + 59, 201, None),
        ({"method": "announcement"}, 30 + 90, 409, "in_the_future"),
        ({"method": "form"}, 30 + 90, 409, "in_the_future"),
        ({"method": "announcement"}, -61, 409, "before_the_call"),
        ({"method": "form"}, -86_400, 201, None),
        ({"method": "key"}, 0, 422, "method"),
        ({"method": "smoke signals"}, 0, 422, "method"),
        ({"event": "accepted", "method": "announcement"}, 0, 422, "method"),
        ({"party": "passer-by"}, 0, 422, "party"),
        ({"notice": "ntc_" + "0" * 32}, 0, 422, "notice"),
        ({"length": -1}, 0, 422, "length"),
        ({"shoe_size": 44}, 0, 422, "shoe_size"),
    ],
)
def test_what_cannot_be_is_not_kept(
    careful: Tenant, said: dict[str, Any], seconds: int, status: int, why: str | None
):
    """Impossible moments are 409 with the reason, impossible words 422 with the field."""
    began = begin(careful)
    event = {"event": "announced", **said}
    answer = tell(careful, event.pop("event"), began + timedelta(seconds=seconds), **event)
    assert answer.status_code == status, answer.text
    if why is not None:
        assert why in answer.text
    # What is not kept decides nothing: the call may still be recorded, and its evidence is still to come.
    later = tell(careful, "accepted", began)
    assert later.json()["decision"]["verdict"] == "allow"


def test_what_is_told_after_the_end_is_not_kept(careful: Tenant):
    """Nobody hears an announcement once the call is over; a minute is left for clocks that differ."""
    over = datetime.now(UTC) - timedelta(minutes=10)
    said = {"direction": "inbound", "from": CUSTOMER, "to": LINE, "ended_at": moment(over),
            "started_at": moment(over - timedelta(minutes=1))}  # fmt: skip
    assert careful.http.put(careful.url("/calls/call-1"), json=said).status_code == 200
    late = tell(careful, "announced", over + timedelta(seconds=61), method="announcement")
    assert (late.status_code, late.json()["reasons"]) == (409, ["after_the_call"])
    assert tell(careful, "announced", over + timedelta(seconds=59), method="announcement").status_code == 201


@pytest.mark.parametrize(
    "said",
    [
        {"event": "declined", "method": "tone"},
        {"event": "withdrawn", "method": "form", "notice": "ntc_" + "0" * 32},
        {"event": "declined", "method": "key", "length": 0},
    ],
)
def test_a_no_that_cannot_be_is_a_no(careful: Tenant, said: dict[str, Any]):
    """Nothing that is wrong with a report makes a call audible."""
    began = begin(careful)
    event = dict(said)
    answer = tell(careful, event.pop("event"), began + timedelta(days=1), **event)
    assert (answer.status_code, answer.json()["decision"]["verdict"]) == (201, "refuse"), answer.text


@pytest.mark.parametrize(
    "number", ["anonymous", "12", "+999", "sip:robin@example.com", "+1415555018700000000"]
)
def test_who_objects_has_a_number(careful: Tenant, number: str):
    """What is no number, or has no country, is 422."""
    answer = careful.http.put(careful.url(f"/objections/{number}"))
    assert (answer.status_code, answer.json()["field"]) == (422, "number")
    assert careful.http.get(careful.url("/objections")).json()["items"] == []
