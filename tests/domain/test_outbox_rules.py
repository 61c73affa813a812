"""The outbox's pure rules: what an answer means, how long to wait, when a destination is let alone or switched off."""

import base64
import hashlib
import hmac
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from vault.backoff import Backoff
from vault.domain.outbox.attempt import LEAST_WAIT, MOST_WAIT, Answer, Outcome, attempt_of, wait_asked
from vault.domain.outbox.health import FAILURES, HEALTHY, LIMIT, PLACES, TEST_PLACES, WARNINGS, Health
from vault.domain.outbox.message import SendingRules, Standing
from vault.domain.outbox.signature import SECRET_PREFIX, signed_headers

NOW = datetime(2026, 2, 3, 10, tzinfo=UTC)
SECRET = SECRET_PREFIX + base64.b64encode(bytes(range(32))).decode()
OTHER = SECRET_PREFIX + base64.b64encode(bytes(range(1, 33))).decode()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("37", 37), (" 37 ", 37), ("0", 1), ("86400000", 21600), ("9" * 64, 21600), ("021", 21),
        ("Tue, 03 Feb 2026 10:00:30 GMT", 30), ("Tue, 03 Feb 2026 12:00:30 +0200", 30),
        ("Tue, 03 Feb 2026 09:00:00 GMT", 1), ("Fri, 03 Feb 2090 10:00:00 GMT", 21600),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 1),
        (None, None), ("9" * 65, None), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("٣٧", None),
        # Without a zone it says nothing.
        ("Tue, 03 Feb 2026 10:00:30", None), ("Tue, 99 Feb 2026 10:00:30 GMT", None),
    ],
)  # fmt: skip
def test_a_wait_is_asked_in_seconds_or_by_a_date(header: str | None, seconds: int | None):
    """It is clamped, and what cannot be read asks for none."""
    assert wait_asked(header, NOW) == (None if seconds is None else timedelta(seconds=seconds))
    assert (timedelta(seconds=1), timedelta(hours=6)) == (LEAST_WAIT, MOST_WAIT)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.ACCEPTED), (202, Outcome.ACCEPTED), (204, Outcome.ACCEPTED), (299, Outcome.ACCEPTED),
        (301, Outcome.FAILED), (302, Outcome.FAILED), (304, Outcome.FAILED), (400, Outcome.FAILED),
        (404, Outcome.FAILED), (410, Outcome.GONE), (429, Outcome.FAILED), (500, Outcome.FAILED),
        (503, Outcome.FAILED), (199, Outcome.FAILED), (100, Outcome.FAILED),
    ],
)  # fmt: skip
def test_the_status_decides(status: int, outcome: Outcome):
    """2xx accepts; a redirect is a failure; 410 wants no more. Only 423, 429 and 503 say when to come again."""
    attempt = attempt_of(Answer(status=status, retry_after="60", body=b"words of the receiver"), "It")
    assert (attempt.outcome, attempt.status) == (outcome, status)
    assert attempt.retry_after == ("60" if status in {423, 429, 503} else None)
    assert "words" not in str(attempt)


def test_a_destination_that_fails_is_let_alone_longer_and_longer():
    """After five failures, from half a minute to an hour; with one place instead of two."""
    health, rests = HEALTHY, list[timedelta]()
    for number in range(1, 20):
        assert health.places == (PLACES if number <= FAILURES else TEST_PLACES)
        health = health.after_failure(NOW)
        assert (health.blocked_until is None) == (number < FAILURES)
        if health.blocked_until is not None:
            rests.append(health.blocked_until - NOW)
    assert timedelta(seconds=15) <= rests[0] <= timedelta(seconds=30)
    assert timedelta(minutes=30) <= rests[-1] <= timedelta(hours=1)
    # Each lies in a range whose bounds are twice those of the one before.
    assert all(later * 4 >= earlier for earlier, later in pairwise(rests))


def test_a_wait_that_is_asked_for_holds_for_the_destination():
    """From the first failure on; and the longer of two waits counts."""
    asked = HEALTHY.after_failure(NOW, asked=timedelta(minutes=20))
    assert asked.blocked_until == NOW + timedelta(minutes=20)
    failing = replace(HEALTHY, failures=FAILURES + 20, failing_since=NOW)
    longer = failing.after_failure(NOW, asked=timedelta(seconds=1)).blocked_until
    assert longer is not None
    assert longer >= NOW + timedelta(minutes=30)


def test_failures_alone_warn_twice_and_end():
    """At an hour, a day and five days since the first one; a warning is given once, and a jump gives the later one."""
    first = HEALTHY.after_failure(NOW)
    assert (first.failing_since, first.warned, first.disabled_at) == (NOW, 0, None)
    assert [first.after_failure(NOW + age).warned for age in WARNINGS] == [1, 2]
    assert [first.after_failure(NOW + age - timedelta(seconds=1)).warned for age in WARNINGS] == [0, 1]
    late = first.after_failure(NOW + LIMIT)
    assert (late.warned, late.disabled_at) == (2, NOW + LIMIT)
    assert first.after_failure(NOW + LIMIT - timedelta(seconds=1)).disabled_at is None
    # The clock of a database may go back.
    assert replace(first, warned=2).after_failure(NOW - timedelta(hours=5)).warned == 2


def test_gone_is_at_once():
    """Also as the first answer."""
    assert HEALTHY.after_refusal(NOW).disabled_at == NOW
    assert Health().places == PLACES


def test_full_jitter_may_be_no_wait():
    """From nothing to the longest wait; without it at least half."""
    full = Backoff(first=timedelta(seconds=8), most=timedelta(minutes=1), least=0)
    assert [full.after(2, jitter=place).total_seconds() for place in (0, 0.5, 1)] == [0, 8, 16]
    half = Backoff(first=timedelta(seconds=8), most=timedelta(minutes=1))
    assert [half.after(9, jitter=place).total_seconds() for place in (0, 0.5, 1)] == [30, 45, 60]


@pytest.mark.parametrize("field", [field.name for field in fields(SendingRules)])
def test_each_rule_counts(field: str):
    """None of them is overlooked: each alone drops a message whose other rules send it."""
    rules = SendingRules(switched_off="send", erased="send", restricted="send", held="send")
    nothing = Standing(dict.fromkeys(rules.facts, False))
    standing = Standing({**nothing.facts, field: True})
    assert rules.then(standing) == "send"
    assert replace(rules, **{field: "drop"}).then(standing) == "drop"
    assert replace(rules, **{field: "drop"}).then(nothing) == "send"


@pytest.mark.parametrize("field", [field.name for field in fields(SendingRules)])
def test_of_what_is_ignored_nothing_is_read_or_asked(field: str):
    """A kind that asks for it nevertheless is a fault, and not an answer that happens to be false."""
    rules = replace(
        SendingRules(switched_off="drop", erased="drop", restricted="drop", held="drop"), **{field: "ignore"}
    )
    assert field not in rules.facts
    standing = Standing(dict.fromkeys(rules.facts, False))
    assert rules.then(standing) == "send"
    with pytest.raises(LookupError, match=field):
        standing.holds(field)  # type: ignore[arg-type]


def test_a_signature_for_each_secret():
    """A receiver with the older or the newer one verifies; an empty secret signs nothing."""
    headers = signed_headers([SECRET, OTHER], "msg_1", b'{"a": 1}', at=NOW)
    signed = b"msg_1." + str(int(NOW.timestamp())).encode() + b'.{"a": 1}'
    expected = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in (bytes(range(32)), bytes(range(1, 33)))
    ]
    assert headers["webhook-signature"].split(" ") == expected
    assert (headers["webhook-id"], headers["content-type"]) == ("msg_1", "application/json")
    with pytest.raises(ValueError, match="never empty"):
        signed_headers([SECRET_PREFIX], "msg_1", b"{}", at=NOW)
