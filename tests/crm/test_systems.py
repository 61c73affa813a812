"""Every CRM system keeps the contract of the port, beside its simulated counterpart."""

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote_plus

import pytest

from tests.crm.walk import (
    BY_NAME,
    HANDOVER,
    NOW,
    NUMBER,
    RESTRICTED,
    SIGNIFICANT,
    Walk,
    handed_over,
    ready,
)
from vault.domain.crm.handover import Handover
from vault.domain.crm.verdict import Accepted, Gone, Kept, Unauthorized, Unclear
from vault.errors import Invalid
from vault.simulator.crm.crm import Fault
from vault.simulator.crm.registry import SIMULATED_CRM
from vault.simulator.exchange import json_reply

NAMES = sorted(BY_NAME)
NEXT_DAY = NOW + timedelta(days=1)
WITH_CONTACTS = [name for name in NAMES if BY_NAME[name].audience == "contact"]
#: The number of somebody in another country, with the same national digits.
FOREIGN = "+352612345678"
HOSTILE = (
    "<script>alert(1)</script>",
    "<!channel> <@U123> *bold* &amp; & > <https://evil.example|click>",
    "{{ticket.requester.email}} {% raw %} ${7*7}",
    "\x00\x1b[31m\u202e\u2028end",
    "👩‍👩‍👧" * 5000,
    "x" * 40_000,
    "&<>\"'" * 10_000,
)


def every(names):
    """Parametrize a test by system."""
    return pytest.mark.parametrize("name", names)


def test_each_adapter_has_a_simulated_counterpart():
    """The adapter and the simulated system have the same names, each once."""
    assert sorted(SIMULATED_CRM) == NAMES
    assert len(BY_NAME) == len(NAMES)


@every(NAMES)
def test_a_call_stands_once_is_restricted_and_is_removed(name):
    """The whole life: created with its ids, restricted, restored, removed."""
    walk = handed_over(name)
    assert walk.stands() == 1
    [shown] = [text for text in walk.peer.shown() if HANDOVER.address in text]
    assert "Wants a quote." in shown
    assert all(isinstance(verdict, Accepted) for verdict in walk.update(RESTRICTED))
    [shown] = [text for text in walk.peer.shown() if HANDOVER.address in text]
    for hidden in ("Wants a quote", "Ann Lee", NUMBER[1:], "3:03", "00:03", "183"):
        assert hidden not in shown
    assert all(isinstance(verdict, Accepted) for verdict in walk.update(HANDOVER))
    assert walk.stands() == 1
    last = walk.remove()[-1]
    assert isinstance(last, Accepted)
    assert walk.stands() == 0
    assert "Wants a quote" not in "".join(walk.peer.shown())


@every(NAMES)
def test_a_removal_can_be_repeated(name):
    """A removal whose answer was lost is sent again, and ends the same way."""
    walk = handed_over(name)
    walk.remove()
    assert isinstance(walk.remove()[-1], Accepted | Gone)
    assert walk.stands() == 0


@every(NAMES)
def test_a_creation_whose_answer_was_lost_is_found_by_a_probe(name):
    """The record was written and a 502 came: the probe finds it, also when searches are late, and none is doubled."""
    walk = ready(name)
    walk.peer.faults.append(Fault(reply=json_reply(502, {}), is_after=True))
    assert isinstance(walk.create(), Unclear)
    assert walk.remote is None
    walk.probe()
    if walk.peer.lags and walk.remote is None:
        walk.peer.index()
        walk.probe()
    assert walk.remote is not None
    assert isinstance(walk.remove()[-1], Accepted)
    assert walk.stands() == 0


@every(NAMES)
def test_a_lost_creation_is_found_when_the_call_is_erased(name):
    """Then the vault knows the id and when it wrote, and nothing of the call: the record is removed all the same."""
    walk = ready(name)
    walk.peer.faults.append(Fault(reply=json_reply(502, {}), is_after=True))
    assert isinstance(walk.create(), Unclear)
    walk.peer.index()
    bare = Handover(id=HANDOVER.id, address=HANDOVER.address, state="restricted", started_at=NEXT_DAY)
    walk.probe(bare)
    assert walk.remote is not None
    before = times_of(walk)
    assert all(isinstance(verdict, Accepted) for verdict in walk.update(bare))
    assert times_of(walk) == before
    walk.remove()
    assert walk.stands() == 0


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("slack", 0, 450), ("freshdesk", 250, 0), ("helpscout", 0, 60), ("zoho", 450, 0)],
)
def test_a_record_is_found_behind_many_others(name, before, after):
    """A probe goes on where its page is full: many people write after the vault, and an old ticket has many entries."""
    walk = ready(name)

    def write_others(number: int) -> None:
        for place in range(number):
            another = replace(HANDOVER, id=f"hof_{place:032}", address="https://vault.example/h/another")
            assert isinstance(walk.create(another), Accepted)

    write_others(before)
    walk.create()
    lost = walk.remote
    write_others(after)
    walk.peer.index()
    begun = len(walk.sent)
    assert isinstance(walk.probe(), Accepted)
    assert walk.remote == lost
    assert len(walk.sent) - begun > 1


def times_of(walk):
    """Return the times of the call that its record has."""
    fields = [record.fields for record in walk.peer.records.values()]
    names = ("hs_timestamp", "ActivityDate", "Call_Start_Time", "due_date", "due_time")
    return [one.get(name) for one in fields for name in names if name in one]


@every([name for name in NAMES if BY_NAME[name].audience != "receiver"])
def test_a_probe_finds_no_other_record(name):
    """The record of another call of the same contact and second is not taken for this one."""
    walk = ready(name)
    other = replace(HANDOVER, id="hof_" + "0" * 32, address="https://vault.example/h/" + "0" * 32)
    assert isinstance(walk.create(other), Accepted)
    walk.peer.index()
    walk.remote = None
    assert isinstance(walk.probe(), Accepted | Gone)
    assert walk.remote is None


@every(WITH_CONTACTS)
def test_a_number_of_another_country_is_no_hit(name):
    """Numbers are compared with their country, whatever the system's search does."""
    walk = Walk.of(name)
    walk.peer.add_contact(FOREIGN, FOREIGN, SIGNIFICANT)
    assert walk.search() == ()


@every(WITH_CONTACTS)
def test_two_contacts_of_one_number_are_both_shown(name):
    """Which of them is meant is decided by a rule or a person, and not by the order of hits."""
    walk = Walk.of(name)
    written = NUMBER
    two = {walk.peer.add_contact(written, NUMBER, SIGNIFICANT) for _ in range(2)}
    assert {hit.id for hit in walk.search()} >= (two if name != "front" else set())


@every(NAMES)
def test_only_the_permitted_values_leave(name):
    """Beside ids of the system, a creation has no other text than the fields of the hand-over."""
    walk = handed_over(name)
    body = unquote_plus(walk.sent[-1].body.decode())
    for absent in ("rec_", "acct_", "transcript", "audio", ".mp3", ".wav", "/p/", "recording_url"):
        assert absent not in body.replace("callvault", ""), absent


@every(NAMES)
def test_no_secret_and_no_number_is_in_a_url(name):
    """A URL is logged everywhere. The system may want a number in the query of its search, and nothing else."""
    walk = handed_over(name)
    walk.update(RESTRICTED)
    if (probe := walk.system.probe(HANDOVER, walk.target, walk.access)) is not None:
        walk.sent.append(probe)
    walk.remove()
    number = re.compile(f"{SIGNIFICANT}|{NUMBER[1:]}|06.?12.?34.?56.?78")
    for request in walk.sent:
        url = unquote_plus(request.url)
        # A hook of Zapier has no other secret than its address.
        assert (walk.access.token in url) == (name == "zapier")
        assert (walk.peer.key in url) == (name == "zapier")
        assert "Ann" not in url
        if number.search(url):
            assert request.method == "GET"
            assert name in {"zendesk", "salesforce", "pipedrive", "freshdesk", "zoho", "front", "helpscout"}
    assert repr(walk.sent[0]).startswith("<") or walk.access.token not in repr(walk.sent[0])


@every(NAMES)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_person_typed_stays_text(name, text):
    """Notes and names are escaped and cut as the system wants, so the system takes them and nothing of them acts."""
    walk = ready(name)
    walk.create(replace(HANDOVER, agent=text, notes=(text, text)))
    assert walk.stands() == 1
    request = walk.sent[-1]
    assert len(request.body) < 80_000
    shown = "".join(walk.peer.shown())
    markup = () if walk.peer.is_plain else ("<script", "<!channel>", "<@U123>", "<https://evil")
    for active in (*markup, "{{", "{%", "\x00", "\x1b", "\\u001b", "\u202e"):
        assert active not in shown, active


@every(NAMES)
def test_a_call_without_facts_is_handed_over(name):
    """A withheld number, no agent, no duration and no notes leave no hole in the text."""
    walk = ready(name)
    bare = replace(HANDOVER, agent=None, direction=None, caller=None, callee=None, duration=None, notes=())
    assert isinstance(walk.create(bare), Accepted)
    assert "None" not in "".join(walk.peer.shown())


@every(NAMES)
def test_wrong_settings_are_named(name):
    """A missing, wrong or unknown setting is refused with its name."""
    system, peer = BY_NAME[name], SIMULATED_CRM[name]()
    system.check(peer.settings)
    with pytest.raises(Invalid) as unknown:
        system.check({**peer.settings, "instance_of": "x"})
    assert unknown.value.field == "settings"
    for field in system.settings_fields:
        with pytest.raises(Invalid) as wrong:
            system.check({**peer.settings, field.name: "https://evil.example/?\n"})
        assert wrong.value.field == field.name
    for address in (
        "https://evil.example",
        "http://evil.example:80",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
    ):
        with pytest.raises(Invalid, match="api_base"):
            system.hosts({**peer.settings, "api_base": address})


@every(NAMES)
def test_the_texts_of_a_residue_are_true(name):
    """A system that is said to keep nothing after a removal keeps nothing, and one that keeps something says so."""
    walk = handed_over(name)
    removed = walk.remove()
    kept = bool(walk.system.keeps_after_removal) or any(isinstance(one, Kept) for one in removed)
    assert kept >= any("Wants a quote" in text for text in walk.peer.traces())


@every([name for name in NAMES if name != "zapier"])
def test_a_revoked_key_is_told_from_a_wrong_record(name):
    """After the admin removed the app, a request says that somebody must authorize again."""
    walk = ready(name)
    walk.peer.key = "another"
    walk.peer.tokens.revoke()
    assert isinstance(walk.create(), Unauthorized)
