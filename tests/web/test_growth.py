"""What grows: acts repeated n and then 4n times on the same objects, then every read and act of the contract.

Counted, not timed: rows decrypted, rows decrypted in one turn of the event loop, statements, numbers parsed, and bytes
of the answer. A page of 5 costs the same however long its list is, an act the same however often it was done, and
nothing decrypts many rows without a turn for others. What takes part is read from the contract: an operation without
a row here fails, and so does a list that no act makes longer.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.counts import count
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House, open_house
from tests.web.growth_acts import CONSENT, READ_AT_THE_END, ROUND, end_what_grew
from tests.web.growth_faults import TAKEN_OUT
from tests.web.growth_pages import read_pages, rows_are_asked_one_by_one, wrong_pages
from tests.web.growth_scene import TIMES, Cost, Grown, metered, operations
from tests.web.test_list_pages import NO_PAGE, Grows, lists
from vault.audio import describer
from vault.server import asgi
from vault.services.shared import paced

#: A turn of the loop decrypts a batch, and what else runs in it beside.
IN_ONE_TURN: Final = paced.BATCH + 30
#: By operation: what it costs with 4n grows by less than this, and not at all in its order.
SLACK: Final = 1.5
_WHOLE: Final = "whole by design; the rows are decrypted in turns"
_FACTS: Final = "reads the facts and consent events of its call, which have a maximum"
_EVENT_EACH: Final = "writes an event for each link that it ends"
#: Operations whose cost may grow, by the word of their row too, and why. Rows in one turn are bounded for them too.
MAY_GROW: Final[dict[str, str]] = dict.fromkeys(
    ("get_call", "get_recording", "list_recordings", "list_calls", "get_retention", "get_evidence", "put_call",
     "post_consent", "post_webhook", "put_recording", "put_restriction", "delete_restriction", "job describe"), _FACTS,
) | dict.fromkeys(
    ("get_recording_history", "get_processing_record", "put_processing_record", "get_transparency_report",
     "post_retention_preview", "job execute_requests"), _WHOLE,
) | dict.fromkeys(("patch_call", "patch_recording"), "metadata has at most 20 keys") | {
    "export_access_log": "a stream",
    "list_accounts": "an account is closed in each turn, and these are less than a page",
    "list_connections": "an account has at most 200", "list_sign_in_connections": "an account has at most 50",
    "list_call_pauses": "a call has at most 50",
    "list_link_keys": "an account has at most 5", "list_event_endpoints": "an account has at most 20",
    "list_integrations": "an account has at most 200", "post_integration": "an account has at most 200",
    "post_integration_preview": "the last 20 calls", "post_system_preview": "the last 20 calls",
    "list_recording_notes": "a key has at most 100 on a recording",
    "post_redaction": "seals the evidence and the notes of its recording again",
    "put_restriction with links": _EVENT_EACH}  # fmt: skip
#: Of these also the statements: a page of a stream each, an event each, or the calls of a person in batches.
MORE_STATEMENTS: Final = {
    "export_access_log",
    "put_restriction with links",
    "job execute_requests",
    "post_integration_preview",
    "post_system_preview",
}
#: Answers that name what is found of a person, for the decision on it: 10,000 at most. Only their bytes may grow.
NAMES_WHAT_IS_FOUND: Final = frozenset(
    {"get_request", "get_request_receipt", "post_request", "post_request_decision", "post_request_extension",
     "post_request_pause", "post_request_resume", "post_request_verification"}
)  # fmt: skip
#: Pages from the beginning of all changes on. What they decrypt may grow as the list's does; what they show may not.
CHANGED: Final = ("list_calls changed", "list_recordings changed")
_PUBLIC: Final = "a page or a player of somebody outside; it shows one object"
#: Operations without a row, and why.
NO_ROW: Final[dict[str, str]] = dict.fromkeys(
    ("get_audio", "get_waveform", "get_prompt", "get_public_prompt", "get_session_audio", "get_session_download",
     "get_session_waveform"), "sound of one object, with a maximum",
) | dict.fromkeys(
    ("get_link", "get_player", "get_session_state", "show_doorway", "enter_doorway", "get_privacy_page",
     "get_privacy_page_in", "get_event_keys"), _PUBLIC,
) | dict.fromkeys(
    ("put_prompt", "delete_prompt"), "one prompt of a notice, which a child process makes",
) | dict.fromkeys(("post_release", "post_refusal"), "once in the life of a recording") | dict.fromkeys(
    ("post_key_rotation", "get_key_rotation", "get_key_statement"), "one at a time, by a job with tests of its own",
) | dict.fromkeys(("put_own_key", "get_own_key"), "needs a key service of the customer") | dict.fromkeys(
    ("healthz", "readyz", "metrics"), "of a node, not of an account",
) | dict.fromkeys(("list_rules", "get_rule", "get_log_key"), "as shipped") | {
    "post_handover_decision": "one row", "post_integration_resume": "one row; a job does the rest in batches",
    "post_call_step": "needs a platform that the vault steers; decides as post_webhook does",
    "post_provider_test": "asks a provider, and stores nothing",
    "get_request_package": "a stream; each part three times at most",
}  # fmt: skip


def wrong(name: str, small: Cost, large: Cost) -> list[str]:
    """Return what is wrong with an operation whose object grew fourfold."""
    found = []
    if large.in_one_turn > IN_ONE_TURN:
        found.append(f"{name} decrypts {large.in_one_turn} rows in one turn of the loop")
    bounds = {} if name in MORE_STATEMENTS else {"statements": 4, "parses": 4}
    names = {name, name.partition(" ")[0]}
    if name in CHANGED:
        bounds |= {"size": 30}
    elif not names & set(MAY_GROW):
        bounds |= {"rows": 4} if names & NAMES_WHAT_IS_FOUND else {"rows": 4, "size": 30}
    for what, more in bounds.items():
        before, after = getattr(small, what), getattr(large, what)
        if after > SLACK * before + more:
            found.append(f"{name}: {what} grew from {before} to {after}")
    return found


@pytest.fixture
def still(tmp_path: Path) -> Iterator[House]:
    """An app whose jobs run when they are called, so that nothing is counted but what a request does."""

    async def rest(*_: Any, stopping: asyncio.Event, **__: Any) -> None:
        await stopping.wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asgi, "work", rest)
        with open_house(tmp_path) as house:
            yield house


def _opened(house: House, meter: Any) -> Grown:
    """Return a new account with two recordings."""
    tenant = Tenant.open(house.admin)
    _, text = house.call(
        house.vault.accounts.api_keys.issue, name="second", scopes=["*"], account_id=None, actor="operator"
    )
    second = house.client({"Authorization": f"Bearer {text.text}"})
    ids = {"account": tenant.name, "call_ref": "grown", "number": "%2B33612345678", "name": "main", "place": "FR",
           "index": "3"}  # fmt: skip
    grown = Grown(house, tenant, second, house.client(), meter, operations(house), ids)
    for name in ("recording", "restricted"):
        grown.ids[name] = grown.upload(recording_ref=name)
    return grown


def _grow(grown: Grown, until: int) -> None:
    """Do every act so often; what the last ones cost is measured."""
    grown.costs = {}
    while grown.made < until:
        grown.is_measured = grown.made >= until - TIMES
        for act in ROUND:
            act(grown, grown.made)
        grown.made += 1
    grown.is_measured = False


def _reads(grown: Grown) -> Iterable[str]:
    return [name for name, one in grown.contract.items() if one.method == "GET" and name not in NO_ROW]


def _one_size(grown: Grown, until: int) -> dict[str, Cost]:
    _grow(grown, until)
    for name in _reads(grown):
        if name not in READ_AT_THE_END:
            grown.read(name)
    grown.read("get_request", "open", request_id=grown.ids["open"])
    grown.read("get_call", "spelled", call_ref="spelled")
    for row in CHANGED:
        grown.read(*row.split())
    read_pages(grown)
    return grown.costs


def _no_row(grown: Grown) -> list[str]:
    """Return what the contract has and nothing here does or excuses."""
    return sorted(set(grown.contract) - grown.done - set(NO_ROW))


def _shorter_lists(grown: Grown) -> dict[str, list[int]]:
    """Return the lists of the contract that the acts did not make longer."""
    return {name: sizes for name, sizes in grown.items.items() if not sizes[0] < sizes[-1]}


def _count_lists(grown: Grown) -> None:
    for name, shown, is_paged in lists(grown.house.app):
        if is_paged or isinstance(NO_PAGE[name, shown], Grows):
            grown.items[f"{name}.{shown}"].append(grown.count_items(name, shown))


@pytest.mark.timeout(1800)
def test_what_an_operation_costs_does_not_grow_with_what_was_done(
    still: House, monkeypatch: pytest.MonkeyPatch
):
    """Every operation has a row, and each list grows; each mend is found again when it is taken out."""
    size = count("objects of each kind, and then four times as many", small=8, full=16)
    with metered(still) as meter:
        grown = _opened(still, meter)
        sizes = []
        for until in (size, 4 * size):
            sizes.append(_one_size(grown, until))
            _count_lists(grown)
            end_what_grew(grown, until)
        small, large = sizes[0], sizes[-1]
        assert not _no_row(grown), "give it a row in ROUND, or say in NO_ROW why not"
        assert not set(NO_ROW) & grown.done
        assert not set(NO_ROW) - set(grown.contract)
        excused = set(MAY_GROW) | MORE_STATEMENTS | NAMES_WHAT_IS_FOUND
        assert excused <= {*large, *(name.partition(" ")[0] for name in large)}
        assert not _shorter_lists(grown), "no act in ROUND makes these lists longer"
        assert set(large) == set(small)
        of_contract = [name for name in sorted(large) if not name.startswith("page ")]
        found = [text for name in of_contract for text in wrong(name, small[name], large[name])]
        found += wrong_pages(small, large, SLACK)
        assert not found, "\n".join(found)
        assert max(cost.rows for cost in large.values()) > 2 * IN_ONE_TURN, (
            "Nothing was large enough to tell."
        )
        for taken_out in TAKEN_OUT:
            with monkeypatch.context() as patch:
                name = taken_out(patch, large)
                assert _again(grown, name, small[name]), taken_out.__name__
        with monkeypatch.context() as patch:
            rows_are_asked_one_by_one(patch)
            read_pages(grown)
            assert wrong_pages(small, grown.costs, SLACK)


def _again(grown: Grown, name: str, small: Cost) -> list[str]:
    """Return what is wrong with an operation when it is measured again."""
    operation, _, of = name.partition(" ")
    if grown.contract[operation].method == "GET":
        return wrong(name, small, grown.read(operation, of, **({"call_ref": of} if of else {})))
    grown.costs, grown.is_measured = {}, True
    for _ in range(TIMES):
        grown.act("post_consent", of, body=CONSENT, **({"call_ref": of} if of else {}))
    grown.is_measured = False
    return wrong(name, small, grown.costs[name])


def test_long_audio_of_one_account_keeps_no_other_waiting(house: House, monkeypatch: pytest.MonkeyPatch):
    """However many recordings of one account are described and do not end, another one's is available before them."""
    long, gate, begun = Tenant.open(house.admin), threading.Event(), []
    run = describer.Job.run

    async def hang(self: describer.Job) -> Any:
        if self.child.account_id == long.id:
            begun.append(self)
            while not gate.is_set():
                await asyncio.sleep(0.01)
        return await run(self)

    monkeypatch.setattr(describer.Job, "run", hang)
    sent: list[str] = []
    try:
        for until in (4, 8, 16):
            while len(sent) < until:
                answer = long.put(AUDIO, ref=f"r{len(sent)}")
                assert answer.status_code == 201, answer.text
                sent.append(answer.json()["id"])
            while not begun:
                threading.Event().wait(0.01)
            other = Tenant.open(house.admin)
            assert other.get(other.uploaded(AUDIO))["state"] == "available"
            assert {long.get(one)["state"] for one in sent} == {"stored"}
    finally:
        gate.set()
    for one in sent:
        long.wait(one)
