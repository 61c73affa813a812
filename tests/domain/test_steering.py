"""Which script a call gets, as a table: how it is asked, where the notice must lie, and what was answered."""

import pytest

from tests.domain.test_admission_table import case_of
from vault.domain.admission.call_flow import Addresses, after_notice, after_yes, opening
from vault.domain.admission.decision import decide
from vault.domain.calls.call_document import Gather, Play, Record, Redirect

TO = Addresses(
    status="https://vault.example/hook",
    heard="https://vault.example/heard",
    heard_inside="https://vault.example/heard?running=1",
    key="https://vault.example/key",
    key_inside="https://vault.example/key?running=1",
    next="https://application.example/next",
)
NOTICE = Play(text="This call is recorded.", language="en")
#: The steps by the words of the table.
STEPS = {
    "record": Record(status_url=TO.status),
    "notice": NOTICE,
    "ask": Gather(prompt=NOTICE, answer_url=TO.key),
    "ask inside": Gather(prompt=NOTICE, answer_url=TO.key_inside),
    "heard": Redirect(url=TO.heard),
    "heard inside": Redirect(url=TO.heard_inside),
    "go on": Redirect(url=TO.next),
}
#: Where the caller is; what the account asks; the mode and position that follow.
ASKED = {
    "nothing": ("US-NY", "", "none", "any"),
    "tone": ("US-NY", "mode=tone", "tone", "any"),
    "announce": ("US-CA", "", "announce", "any"),
    "announce inside": ("US-WA", "", "announce", "inside"),
    "announce before": ("CH", "", "announce", "before"),
    "opt out": ("US-CA", "mode=opt_out_key", "opt_out_key", "any"),
    "opt out inside": ("US-WA", "mode=opt_out_key", "opt_out_key", "inside"),
    "opt out before": ("FR", "", "opt_out_key", "before"),
    "opt out twice": (None, "", "opt_out_key", "before_and_inside"),
    "opt in": ("DE", "", "opt_in_key", "before"),
    "opt in inside": ("US-WA", "mode=opt_in_key", "opt_in_key", "inside"),
    "opt in twice": ("CN", "", "opt_in_key", "before_and_inside"),
    "switched off": ("US-CA", "off", "announce", "any"),
    "objected": ("DE", "objection", "opt_in_key", "before"),
}


def decision(name: str):
    """Return the decision at the start of a call that is asked in this way."""
    place, more, _, _ = ASKED[name]
    return decide(case_of(place, "US-NY", "", f"start {more}".strip()))


@pytest.mark.parametrize("name", ASKED)
def test_the_table_asks_as_it_says(name: str):
    """Mode and position of every row are those that its name stands for."""
    made = decision(name)
    assert (made.mode, made.position) == ASKED[name][2:]
    assert made.record is (name not in {"switched off", "objected"})


#: At the start: what is done, and what is done where no notice is published.
OPENING = [
    ("nothing", ["record", "go on"], ["record", "go on"]),
    ("tone", ["notice", "heard"], ["go on"]),
    ("announce", ["notice", "heard"], ["go on"]),
    ("announce before", ["notice", "heard"], ["go on"]),
    ("announce inside", ["record", "notice", "heard"], ["go on"]),
    ("opt out", ["ask", "heard"], ["go on"]),
    ("opt out inside", ["record", "ask", "heard"], ["go on"]),
    ("opt out before", ["ask", "heard"], ["go on"]),
    ("opt out twice", ["ask", "heard"], ["go on"]),
    ("opt in", ["ask", "heard"], ["go on"]),
    ("opt in inside", ["record", "ask", "heard"], ["go on"]),
    ("opt in twice", ["ask", "heard"], ["go on"]),
    ("switched off", ["go on"], ["go on"]),
    ("objected", ["go on"], ["go on"]),
]
#: Once the notice was heard and no key was pressed.
HEARD = [
    ("tone", ["record", "go on"]),
    ("announce", ["record", "go on"]),
    ("announce before", ["record", "go on"]),
    # It runs already.
    ("announce inside", ["go on"]),
    ("opt out inside", ["go on"]),
    ("opt out", ["record", "go on"]),
    ("opt out before", ["record", "go on"]),
    ("opt out twice", ["record", "ask inside", "heard inside"]),
    # Silence is no yes.
    ("opt in", ["go on"]),
    ("opt in inside", ["go on"]),
    ("opt in twice", ["go on"]),
    ("switched off", ["go on"]),
    ("objected", ["go on"]),
]
#: Once the party agreed by key.
YES = [
    ("opt out", ["record", "go on"]),
    ("opt out before", ["record", "go on"]),
    ("opt out inside", ["go on"]),
    ("opt out twice", ["record", "ask inside", "heard inside"]),
    ("opt in", ["record", "go on"]),
    ("opt in inside", ["go on"]),
    ("opt in twice", ["record", "ask inside", "heard inside"]),
    ("switched off", ["go on"]),
    ("objected", ["go on"]),
]


def steps(words: list[str]):
    """Return a script by its words."""
    return tuple(STEPS[word] for word in words)


@pytest.mark.parametrize(("name", "with_notice", "without"), OPENING)
def test_a_call_opens(name, with_notice, without):
    """What must be heard in the recording comes once it runs, what must come first before; without it, nothing."""
    assert opening(decision(name), NOTICE, TO) == steps(with_notice)
    assert opening(decision(name), None, TO) == steps(without)


@pytest.mark.parametrize(("name", "script"), HEARD)
def test_a_notice_was_heard(name, script):
    """The recording begins where silence is enough; heard inside it, the call goes on."""
    assert after_notice(decision(name), NOTICE, TO, running=False) == steps(script)
    assert after_notice(decision(name), NOTICE, TO, running=True) == steps(["go on"])


@pytest.mark.parametrize(("name", "script"), YES)
def test_a_party_agreed(name, script):
    """The recording begins, unless it runs or must not be."""
    assert after_yes(decision(name), NOTICE, TO, running=False) == steps(script)
    assert after_yes(decision(name), NOTICE, TO, running=True) == steps(["go on"])


def test_without_a_notice_to_repeat_the_recording_begins_all_the_same():
    """The notice was retired between two steps: what was heard before was heard."""
    assert after_yes(decision("opt in twice"), None, TO, running=False) == steps(["record", "go on"])
    assert after_notice(decision("opt out twice"), None, TO, running=False) == steps(["record", "go on"])
