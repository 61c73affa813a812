"""A party's no against the running service, wherever it meets the recording; and wrong gates are found out."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.consent_check import (
    Race,
    judge_decline,
    judge_objection,
    say_declined,
    say_objection,
)
from tests.faults.in_process import altered_vault
from tests.faults.quarantine_check import (
    QUARANTINE,
    fill_quarantine,
    race_release_and_decline,
    race_telling_and_gate,
    race_two_releases,
)
from tests.faults.server import vault_process
from tests.faults.switch_check import Look, audio, looking_at
from tests.faults.wrong_consent_gate import (
    BelievingTheList,
    DecidingFirst,
    RightGate,
    WithoutAccountLock,
    WithoutCallLock,
    with_gate,
)
from tests.servers.media import answer
from tests.servers.media_thread import MediaThread
from tests.servers.processes import process
from tests.support.counts import count
from tests.support.raw_client import ACCOUNT, Client
from tests.support.slow_media import flow, slices
from tests.support.tenant import WITHOUT_EVIDENCE

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200)]

KINDS = pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
#: Worker processes beside the server, on a database that takes more than one.
_MORE_WORKERS = 2


@contextmanager
def serving(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest
) -> Iterator[tuple[Client, Look]]:
    """Serve a vault; on PostgreSQL with worker processes beside it."""
    settings = {"VAULT_MEDIA_ALLOW": media.authority}
    if kind == "postgresql":
        settings["VAULT_DATABASE_URL"] = request.getfixturevalue("migrated_url")
    with vault_process(folder, **settings) as (server, client), ExitStack() as stack:
        for _ in range(_MORE_WORKERS if kind == "postgresql" else 0):
            command = [sys.executable, "-m", "vault", "worker"]
            stack.enter_context(process(command, server.log, **server.environment))
        yield client, looking_at(settings.get("VAULT_DATABASE_URL", server.database))


def urls(media: MediaThread) -> list[str]:
    """Serve audio immediately, and in pieces."""
    slow = flow(len(audio()), slices(audio(), len(audio()) // 4), pause=0.05)
    return [media.on("/fast.wav", answer(audio())), media.on("/slow.wav", slow)]


@KINDS
@pytest.mark.parametrize("party", ["caller", "callee"])
def test_nothing_of_a_number_becomes_available_once_its_objection_stands(
    folder: Path, media: MediaThread, kind: str, party: str, request: pytest.FixtureRequest
) -> None:
    """The objection is entered at any moment of an ingest, for either side of the call."""
    calls = count(f"objections of a {party} on {kind}", small=3, full=150)
    with serving(folder, media, kind, request) as (client, look):
        judge = judge_objection(look)
        race = Race(
            client=client,
            look=look,
            urls=urls(media),
            media=media,
            say=say_objection,
            judge=judge,
            party=party,
        )
        found = race.run(calls)
    found.say()
    assert found.violations == []
    # It was a race: some came too late for a recording that was there, and most came in time.
    assert set(found.states) == {"available", "refused"}
    assert found.calls == calls


@KINDS
@pytest.mark.parametrize("policy", ["restrict", "erase"])
def test_nothing_of_a_call_is_heard_once_its_party_declined(
    folder: Path, media: MediaThread, kind: str, policy: str, request: pytest.FixtureRequest
) -> None:
    """The no comes at any moment of an ingest; what was there before it is dealt with as the policy says."""
    calls = count(f"declines, with {policy}, on {kind}", small=3, full=150)
    with serving(folder, media, kind, request) as (client, look):
        said = {**WITHOUT_EVIDENCE, "withdrawal": policy}
        assert client.rest("PATCH", f"{client.home}/consent-policy", said).status == 200
        judge = judge_decline(policy)
        race = Race(client=client, look=look, urls=urls(media), media=media, say=say_declined, judge=judge)
        found = race.run(calls)
    found.say()
    assert found.violations == []
    assert len(found.states) == 2
    assert found.calls == calls


@KINDS
def test_a_decline_and_a_release_at_once_leave_nothing_to_hear(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest
) -> None:
    """Whichever is first: the recording is refused, or it is restricted and its chain of evidence tells why."""
    calls = count(f"declines against releases on {kind}", small=3, full=150)
    with serving(folder, media, kind, request) as (client, look):
        assert client.rest("PATCH", f"{client.home}/consent-policy", QUARANTINE).status == 200
        kept = fill_quarantine(client, look, urls(media)[0], calls)
        outcome = race_release_and_decline(client, look, kept)
    outcome.say("release and decline")
    assert outcome.wrong == []
    assert sum(outcome.became.values()) == calls


@KINDS
def test_two_releases_at_once_are_one(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest
) -> None:
    """One of them lets the recording out, and stands in the evidence once; the other is told so."""
    calls = count(f"pairs of releases on {kind}", small=3, full=150)
    with serving(folder, media, kind, request) as (client, look):
        assert client.rest("PATCH", f"{client.home}/consent-policy", QUARANTINE).status == 200
        kept = fill_quarantine(client, look, urls(media)[0], calls)
        outcome = race_two_releases(client, kept)
    outcome.say("two releases")
    assert outcome.wrong == []
    assert dict(outcome.became) == {"[200, 409], available": calls}


@KINDS
def test_what_is_told_around_the_gate_is_in_the_evidence_once(
    folder: Path, media: MediaThread, kind: str, request: pytest.FixtureRequest
) -> None:
    """Told before sealing or after, before the gate or in quarantine: it counts, and the chain holds."""
    calls = count(f"calls that are reported around the gate on {kind}", small=3, full=150)
    with serving(folder, media, kind, request) as (client, look):
        assert client.rest("PATCH", f"{client.home}/consent-policy", QUARANTINE).status == 200
        outcome = race_telling_and_gate(client, look, urls(media)[1], calls)
    outcome.say("told around the gate")
    assert outcome.wrong == []
    assert sum(outcome.became.values()) == calls


#: A decline refuses the row itself, so a gate that decides before its locks finds the row gone; an objection does not.
WRONG = {
    "objections": [WithoutAccountLock, DecidingFirst, BelievingTheList],
    "declines": [WithoutCallLock],
}
RACES = [(against, gate) for against, gates in WRONG.items() for gate in gates]


def race_in_process(
    folder: Path, media: MediaThread, url: str, *, against: str, gate: type[RightGate], calls: int
) -> list[str]:
    """Let calls come in through a gate, with a no for each, and return what broke the promise."""
    settings = {"VAULT_MEDIA_ALLOW": media.authority, "VAULT_DATABASE_URL": url}
    with altered_vault(folder, lambda vault: with_gate(vault, ACCOUNT, gate), **settings) as client:
        look = looking_at(url)
        judge = judge_objection(look) if against == "objections" else judge_decline("restrict")
        say = say_objection if against == "objections" else say_declined
        race = Race(
            client=client,
            look=look,
            urls=urls(media),
            media=media,
            say=say,
            judge=judge,
            until_found=gate is not RightGate,
        )
        found = race.run(calls)
    found.say()
    assert found.calls
    return found.violations


@pytest.mark.postgresql
@pytest.mark.parametrize(("against", "gate"), RACES, ids=lambda value: getattr(value, "__name__", value))
def test_a_gate_that_hears_a_no_too_late_is_found_out(
    folder: Path, media: MediaThread, postgresql_url: str, against: str, gate: type[RightGate]
) -> None:
    """The same check finds what each of the wrong gates lets in. It stops with the first, after some calls."""
    assert race_in_process(folder, media, postgresql_url, against=against, gate=gate, calls=1000)


@pytest.mark.postgresql
@pytest.mark.parametrize("against", WRONG)
def test_the_check_is_silent_about_the_right_gate(
    folder: Path, media: MediaThread, postgresql_url: str, against: str
) -> None:
    """In the very setting in which the wrong gates are found out, the right one is not."""
    calls = count(f"{against} against a slow gate", small=3, full=150)
    found = race_in_process(folder, media, postgresql_url, against=against, gate=RightGate, calls=calls)
    assert found == []
