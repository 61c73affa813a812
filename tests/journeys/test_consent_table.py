"""Rows of the table of admission end to end: what is decided on paper is what the running service does."""

import httpx
import pytest

from tests.journeys.played_rows import Played, Row, words
from tests.servers.media_thread import MediaThread
from tests.support.admission_table import KEEP, NO, OK, ROWS
from tests.support.tenant import Tenant

#: Verdict and what is against it, by the first four columns.
TABLE = {row[:4]: (row[4], row[5]) for row in ROWS}
STATE = {OK: "available", KEEP: "quarantined", NO: "refused"}
#: The table's recording was received before the switch went off; here it is announced afterwards.
BEFORE = "switched_off_since_receipt"
PLAYED: list[Row] = [
    # One party's consent, and answers that count all the same.
    ("US-NY", "US-NY", "", ""),
    ("US-NY", "US-NY", "no", ""),
    ("US-NY", "US-NY", "withdrawn", ""),
    ("US-NY", "US-NY", "no of agent", ""),
    ("US-CA", "US-CA", "notice before, no of callee", ""),
    # An announcement is enough, wherever it lies; a tone only where it is accepted.
    ("US-CA", "US-CA", "", ""),
    ("US-CA", "US-CA", "notice before", ""),
    ("US-CA", "US-CA", "notice unmeasured", ""),
    ("US-CA", "US-CA", "contract", ""),
    ("US-CA", "US-CA", "yes on paper", ""),
    ("US-CA", "US-CA", "tone before", ""),
    ("US-FL", "US-FL", "tone before", ""),
    ("BE", "BE", "tone before", ""),
    # Where the notice lies in the recording, or before it.
    ("US-WA", "US-WA", "notice inside", ""),
    ("US-WA", "US-WA", "notice before", ""),
    ("US-WA", "US-WA", "notice across", ""),
    ("US-WA", "US-WA", "notice unmeasured", ""),
    ("US-WA", "US-WA", "notice before, notice inside", ""),
    ("US-WA", "US-WA", "notice inside, no mid-call", ""),
    ("US-CT", "US-CT", "tone inside", ""),
    ("US-CT", "US-CT", "tone before", ""),
    ("FR", "FR", "notice before", ""),
    ("FR", "FR", "notice across", ""),
    ("FR", "FR", "notice to agent", ""),
    ("CH", "CH", "notice inside", ""),
    # An explicit yes.
    ("DE", "DE", "notice before", ""),
    ("DE", "DE", "yes", ""),
    ("DE", "DE", "yes spoken", ""),
    ("DE", "DE", "yes late", ""),
    ("DE", "DE", "no, yes", ""),
    # The strictest of both places, and places that nobody knows.
    ("US-NY", "US-CA", "", ""),
    ("US-CA", "US-FL", "tone before", ""),
    ("US-NY", "DE", "notice before", ""),
    ("GB", "FR", "notice inside", ""),
    ("US-WA", "FR", "notice before, notice inside", ""),
    ("US-WA", "DE", "yes, notice inside", ""),
    (None, "US-NY", "notice before", ""),
    (None, "US-NY", "notice before, notice inside", ""),
    ("BR", "BR", "yes, notice inside", ""),
    # The account's own policy.
    ("US-CA", "US-CA", "", "missing=refuse"),
    ("US-CA", "US-CA", "", "missing=accept"),
    ("US-WA", "US-WA", "notice before", "missing=refuse"),
    ("US-WA", "US-WA", "notice before", "missing=accept"),
    ("DE", "DE", "no", "missing=accept"),
    ("US-NY", "US-NY", "", "mode=announce"),
    ("US-NY", "US-NY", "notice before", "mode=opt_in_key"),
    ("US-NY", "US-NY", "yes", "mode=opt_in_key"),
    # An admin lets it out.
    ("US-CA", "US-CA", "", "released"),
    ("US-CA", "US-CA", "", "released missing=refuse"),
    ("US-CA", "US-CA", "", "released objection"),
    # Objections and the switch.
    ("US-NY", "US-NY", "", "objection"),
    ("US-NY", "US-NY", "", "objection ended mid-call"),
    ("US-NY", "US-NY", "", "objection ended before"),
    ("US-NY", "US-NY", "", "off"),
    ("US-CA", "US-CA", "yes", "off"),
    ("US-NY", "US-NY", "no", "off objection"),
    ("US-NY", "US-NY", "", "off and on"),
    ("US-NY", "US-NY", "", "off before"),
    # Who is outside the account.
    ("US-CA", "US-CA", "notice before", "out"),
    ("US-CA", "US-CA", "notice to callee", "out"),
    ("DE", "DE", "yes of callee", "out"),
    ("US-CA", "US-CA", "notice before", "unknown direction"),
    ("US-CA", "US-CA", "notice before, notice to callee", "unknown direction"),
]
#: What the service is asked before there is a recording.
STARTS: list[Row] = [row[:4] for row in ROWS if "start" in row[3].split()]


def name_of(row: Row) -> str:
    """Return a row as a test id."""
    return " · ".join(str(part) for part in row)


def opened(admin: httpx.Client, row: Row) -> Tenant:
    """Return an account with the policy of the row."""
    said = words(row[3])
    policy = {"missing_evidence": "quarantine" if "released" in row[3] else said.get("missing", "quarantine")}
    return Tenant.open(admin, policy=policy | {"mode": said.get("mode", "none"), "reason": "the row says so"})


@pytest.mark.parametrize("row", PLAYED, ids=name_of)
def test_a_row_of_the_table_is_what_the_service_does(admin: httpx.Client, media: MediaThread, row: Row):
    """The recording ends in the state of the row, and the service names what is against it, and nothing else."""
    verdict, against = TABLE[row]
    played = Played(opened(admin, row), media, row).go()
    expected = (STATE[verdict], [code for code in against if code != BEFORE])
    assert (played.recording["state"], played.codes) == expected
    if played.start is not None and "objection" not in row[3] and "off" not in row[3].split():
        # Nothing had been said by then, so nothing was against it: evidence is still to come.
        assert (played.start["verdict"], played.start["record"]) == (OK, True)
    audio = played.tenant.http.get(played.tenant.url(f"/recordings/{played.recording['id']}/audio"))
    assert audio.status_code == (200 if verdict == OK else 404)


@pytest.mark.parametrize("row", STARTS, ids=name_of)
def test_a_call_start_is_answered_as_the_table_says(admin: httpx.Client, media: MediaThread, row: Row):
    """The verdict of the row, what is against it first."""
    verdict, against = TABLE[row]
    played = Played(opened(admin, row), media, row)
    more = row[3].split()
    if "objection" in more:
        played.object()
    if "off" in more:
        played.tenant.switch(enabled=False)
    for word in filter(None, [row[2]]):
        played.tell(word)
    played.ask()
    assert played.start is not None
    assert (played.start["verdict"], played.start["record"]) == (verdict, verdict != NO)
    assert [reason["code"] for reason in played.start["reasons"]][: len(against)] == against


def test_enough_of_the_table_is_played():
    """Every row that is played stands in the table, and at least thirty are."""
    assert set(PLAYED) <= set(TABLE)
    assert len(set(PLAYED)) == len(PLAYED) >= 30
    assert STARTS
