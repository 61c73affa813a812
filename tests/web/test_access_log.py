"""The doors of the access log: what they show, to whom, and that it convinces without trust."""

import base64
from pathlib import Path

import httpx
import pytest

from tests.support.log_auditor import read_checkpoint, read_proof, root_by_proof, roots_by_growth
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House, open_house
from vault.tlog.checkpoint import open_checkpoint
from vault.tlog.log_file import read_head, verify_log
from vault.tlog.note import Verifier, parse_verifier


@pytest.fixture
def known(stranger: httpx.Client) -> Verifier:
    """The log's verifier key, as anyone gets it."""
    answer = stranger.get("/v1/access-log/key")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    return parse_verifier(answer.text.removesuffix("\n"))


def test_the_checkpoint_is_for_everyone(house: House, stranger: httpx.Client, known: Verifier):
    """Without a key: a signed note of a size that only grows."""
    first, second = (stranger.get("/v1/access-log/checkpoint") for _ in range(2))
    assert (first.status_code, first.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert open_checkpoint(first.content, [known]).size <= open_checkpoint(second.content, [known]).size
    assert known.name == house.url.removeprefix("http://") + "/access-log"
    for path in ("/v1/access-log/checkpoint", "/v1/access-log/key"):
        assert stranger.post(path).status_code == 405
        assert stranger.get(path).headers["cache-control"] == "private, no-store"


def test_every_event_shows_its_index_and_leaf(house: House, shared: tuple[Tenant, str], known: Verifier):
    """The leaf is the exact bytes that a proof of that index proves."""
    tenant, _ = shared
    events = tenant.events()
    assert [event["index"] for event in events] == sorted({event["index"] for event in events})
    assert len(events) >= 3
    for event in events[:3]:
        answer = house.admin.get(tenant.url(f"/access-events/{event['index']}/proof"))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        index, hashes, size, root = read_proof(answer.content)
        leaf = base64.b64decode(event["leaf"])
        assert index == event["index"]
        assert root_by_proof(index, size, leaf, hashes) == root
        assert open_checkpoint(answer.content.partition(b"\n\n")[2], [known]).root == root


def test_without_the_object_store_what_is_anchored_is_shown(tmp_path: Path):
    """Newer events are 503 with what to do; the last checkpoint and what it covers are shown."""
    with open_house(tmp_path, VAULT_ANCHOR_SECONDS="300") as house:
        tenant = Tenant.open(house.admin)
        first = tenant.events()[0]["index"]
        proof = house.admin.get(tenant.url(f"/access-events/{first}/proof"))
        assert proof.status_code == 200
        house.admin.put(tenant.url("/recording-switch"), json={"enabled": False}).raise_for_status()
        (tmp_path / "data" / "objects").rename(tmp_path / "away")
        last = tenant.events()[-1]["index"]
        assert last > first
        for path in (f"/access-events/{last}/proof", "/access-log/export"):
            answer = house.admin.get(tenant.url(path))
            assert answer.status_code == 503, path
            assert "cannot be reached" in answer.json()["detail"]
            assert "Repeat once the object store answers." in answer.json()["detail"]
        assert house.admin.get(tenant.url(f"/access-events/{first}/proof")).content == proof.content
        shown = house.admin.get("/v1/access-log/checkpoint")
        assert (shown.status_code, shown.content) == (200, proof.content.partition(b"\n\n")[2])
        (tmp_path / "away").rename(tmp_path / "data" / "objects")
        assert house.admin.get(tenant.url(f"/access-events/{last}/proof")).status_code == 200


def test_growth_is_proved_between_any_two_checkpoints(
    stranger: httpx.Client, shared: tuple[Tenant, str], known: Verifier
):
    """Anyone who kept an earlier checkpoint sees without a key that the later log begins with it."""
    tenant, recording = shared
    kept: dict[int, bytes] = {}
    while len(kept) < 4:
        note = stranger.get("/v1/access-log/checkpoint").content
        kept[open_checkpoint(note, [known]).size] = note
        tenant.link(recording)
    sizes = sorted(kept)
    for old, new in [(sizes[0], sizes[3]), (sizes[1], sizes[2]), (sizes[2], sizes[2])]:
        answer = stranger.get("/v1/access-log/consistency", params={"from": old, "to": new})
        assert (answer.status_code, answer.json()["from"], answer.json()["to"]) == (200, old, new)
        hashes = [base64.b64decode(one) for one in answer.json()["hashes"]]
        (_, old_root), (_, new_root) = read_checkpoint(kept[old]), read_checkpoint(kept[new])
        assert roots_by_growth(old, new, old_root, hashes) == (old_root, new_root)
    for wrong, field in (({"from": 3, "to": 2}, "from"), ({"from": 1, "to": 10**9}, "to")):
        answer = stranger.get("/v1/access-log/consistency", params=wrong)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    for wrong in ({"from": "-1", "to": 2}, {"from": 1}, {"from": 1, "to": str(2**63)}):
        assert stranger.get("/v1/access-log/consistency", params=wrong).status_code == 422


def test_the_event_of_an_open_is_proven_at_once(house: House, shared: tuple[Tenant, str]):
    """When the browser has its cookie, the proof can be had."""
    tenant, recording = shared
    opened = open_link(house.client(), tenant.link(recording, listener="At Once")["url"])
    session = opened.headers["location"].removeprefix("/s/")
    (event,) = [one for one in tenant.events(recording) if one.get("session") == session]
    assert event["type"] == "playback.open"
    assert house.admin.get(tenant.url(f"/access-events/{event['index']}/proof")).status_code == 200


def test_another_accounts_index_has_no_proof(house: House, shared: tuple[Tenant, str]):
    """It is 404, as is one that nobody has; what is no index is 422."""
    theirs, _ = shared
    mine = Tenant.open(house.admin)
    foreign = theirs.events()[0]["index"]
    answers = [house.admin.get(mine.url(f"/access-events/{index}/proof")) for index in (foreign, 10**9)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    for index in ("-1", "x", "1e3", str(2**63)):
        assert house.admin.get(mine.url(f"/access-events/{index}/proof")).status_code == 422


def test_an_export_verifies_and_tells_of_no_other_account(
    house: House, shared: tuple[Tenant, str], known: Verifier
):
    """The account's own leaves in full, everyone else's as hashes."""
    theirs, _ = shared
    mine = Tenant.open(house.admin)
    answer = house.admin.get(mine.url("/access-log/export"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert 'filename="access-log.callvault-log"' in answer.headers["content-disposition"]
    lines = iter(answer.content.splitlines(keepends=True))
    head = read_head(lines)
    found = verify_log(lines, head.note, [known], version=head.version)
    assert head.verifier == known
    assert found.in_full == len(mine.events())
    leaves = [
        base64.b64decode(line.split()[3]) for line in answer.content.splitlines() if line[:5] == b"leaf "
    ]
    assert len(leaves) == found.in_full
    assert all(mine.id.encode() in leaf for leaf in leaves)
    assert theirs.id.encode() not in b"".join(leaves)


def test_lists_are_narrowed_and_cut(house: House, shared: tuple[Tenant, str]):
    """By recording, listener and time, with a cursor that is the next index."""
    tenant, recording = shared
    tenant.link(recording, listener="Only Me")
    tenant.link(recording, listener="Somebody Else")
    everything = tenant.events()

    def ask(**wanted: str | list[str]) -> list[dict]:
        answer = house.admin.get(tenant.url("/access-events"), params=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    assert [event["detail"]["listener"] for event in ask(listener="only me")] == ["Only Me"]
    assert ask(recording="rec_none") == []
    of_types = [one["index"] for one in everything if one["type"] in {"link.created", "switch.changed"}]
    assert [one["index"] for one in ask(type=["link.created", "switch.changed"])] == of_types
    actor = everything[0]["actor"]
    assert ask(actor=actor) == [event for event in everything if event["actor"] == actor]
    at = everything[2]["at"]
    assert ask(to="2000-01-01T00:00:00Z") == ask(**{"from": "2100-01-01T00:00:00Z"}) == []
    assert [event["index"] for event in ask(**{"from": "2000-01-01T00:00:00Z", "to": at})] == [
        event["index"] for event in everything if event["at"] < at
    ]
    first = house.admin.get(tenant.url("/access-events"), params={"limit": 2}).json()
    assert first["next_cursor"] == str(first["items"][1]["index"] + 1)
    rest = ask(cursor=first["next_cursor"], limit="1000")
    assert [event["index"] for event in (*first["items"], *rest)] == [event["index"] for event in everything]
    for wrong in (
        {"listener": "x" * 201},
        {"from": "yesterday"},
        {"cursor": "-1"},
        {"unknown": "1"},
        {"type": "no.such"},
    ):
        assert house.admin.get(tenant.url("/access-events"), params=wrong).status_code == 422
