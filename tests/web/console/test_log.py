"""The log in the console, without scripts: its events, filters, checkpoints, and what a proof proves."""

import base64
import html
import re
import time
from dataclasses import replace

import pytest

from tests.support.console import sign_in
from tests.support.tenant import Tenant, open_link, tone
from tests.support.web_house import AUDIO, House
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.hashing import leaf_hash
from vault.tlog.note import Signer
from vault.tlog.proof_file import ProofFile, parse_proof_file


def base(tenant: Tenant) -> str:
    """Return the path of the account's pages."""
    return f"/console/accounts/{tenant.name}"


def entries(page: str) -> list[tuple[int, str]]:
    """Return the index and the type of each event on a page."""
    rows = re.findall(r'<th scope="row"[^>]*>(\d+)</th>.*?title="([a-z_]+\.[a-z_]+)"', page, re.DOTALL)
    return [(int(index), kind) for index, kind in rows]


def test_a_proof_and_a_changed_one_are_told_apart(house: House, tenant: Tenant):
    """The page of the log has the account's events alone; a file that proves nothing is said so."""
    tenant.uploaded(AUDIO)
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/log"
    shown = client.get(path)
    assert "Recording available" in shown.text
    assert f'<a href="{path}/checkpoint">Checkpoint and exports</a></p>' in shown.text
    assert "callvault verify-log" in client.get(f"{path}/checkpoint").text
    event = tenant.events()[0]
    proof = client.get(f"{path}/events/{event['index']}/proof")
    file = {"file": ("a.tlog-proof", proof.content, "text/plain")}
    for leaf in (event["leaf"], ""):
        right = client.post(f"{path}/verify", data={"leaf": leaf}, files=file)
        assert f"the leaf is entry {event['index']}" in right.text
    wrong = client.post(f"{path}/verify", data={"leaf": "AAAA"}, files=file)
    assert (wrong.status_code, "proves nothing" in wrong.text) == (422, True)
    # What is needed to check it is no verdict.
    bare = replace(parse_proof_file(proof.content), extra=b"").write()
    for content, leaf, said in ((proof.content, "!", "not base64"), (bare, "", "has no leaf")):
        file = {"file": ("a.tlog-proof", content, "text/plain")}
        wanted = client.post(f"{path}/verify", data={"leaf": leaf}, files=file)
        assert (wanted.status_code, said in wanted.text) == (422, True)
        assert "proves nothing" not in wanted.text
    bad = {"file": ("receipt.json", b'{"x": "<script>"}', "application/json")}
    assert "<script>" not in html.unescape(client.post(f"{path}/verify", files=bad).text).replace(
        "<script ", ""
    )
    other = Tenant.open(house.admin)
    theirs = other.events()[-1]["index"]
    assert client.get(f"{path}/events/{theirs}/proof").status_code == 404
    assert client.get(f"{path}/export").text.startswith("callvault")
    assert client.get(f"{path}?from=nonsense").status_code == 422


def test_a_proof_of_another_log_of_the_same_name_is_refused(house: House, tenant: Tenant):
    """Only a checkpoint that this log's key has signed counts."""
    own, leaf = house.vault.audit_log.proofs.signer, b"a leaf"
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/log/verify"

    def verify(signer: Signer) -> int:
        checkpoint = Checkpoint(origin=own.name, size=1, root=leaf_hash(leaf))
        proof = ProofFile(index=0, hashes=(), checkpoint=sign_checkpoint(checkpoint, signer)).write()
        sent = {"file": ("a.tlog-proof", proof, "text/plain")}
        leaf_text = base64.b64encode(leaf).decode()
        return client.post(path, data={"leaf": leaf_text}, files=sent).status_code

    assert verify(own) == 200
    assert verify(Signer(name=own.name, secret=bytes(range(32)))) == 422


def test_a_leaf_that_was_typed_stays_with_a_refused_file(house: House, tenant: Tenant):
    """Whatever the file is, an audio file or none; also a leaf that is none itself. Nothing of it is markup."""
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/log/verify"
    leaf = base64.b64encode(b"a leaf").decode()
    for typed, file in ((leaf, AUDIO), (leaf, b""), (leaf, b"{"), ("</textarea>é", b"callvault")):
        answer = client.post(path, data={"leaf": typed}, files={"file": ("a", file, "audio/wav")})
        assert answer.status_code == 422, file
        shown = re.search(r'<textarea id="field-leaf"[^>]*>\n(.*?)</textarea>', answer.text, re.DOTALL)
        assert shown is not None
        assert html.unescape(shown[1]).replace("\ufffd", "") == typed.replace("é", "")
    broken = client.post(
        path, content=b"nothing", headers={"content-type": "multipart/form-data; boundary=a"}
    )
    assert broken.status_code == 422
    assert 'id="field-leaf"' in broken.text


def test_the_log_is_filtered_by_what_happened_and_by_whom(house: House, tenant: Tenant):
    """By a type, a group of types, a listener or an actor; more of it keeps the filter."""
    recording = tenant.uploaded(AUDIO)
    open_link(house.client(), tenant.link(recording, listener="Only Me")["url"])
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/log"

    def kinds(**query: str) -> list[str]:
        answer = client.get(path, params=query)
        assert answer.status_code == 200
        return [kind for _, kind in entries(answer.text)]

    assert kinds(kind="link.created") == ["link.created"]
    assert kinds(kind="listening") == ["link.created", "playback.open"]
    assert kinds(listener="only me") == ["link.created", "playback.open"]
    session = next(one["actor"] for one in tenant.events() if one["type"] == "playback.open")
    assert kinds(actor=session) == ["playback.open"]
    assert kinds(kind="link.created", actor=session) == []
    assert client.get(path, params={"kind": "nothing"}).status_code == 422


@pytest.mark.parametrize("wrong", ["rewritten", "longer", "foreign", "nonsense"])
def test_what_came_after_a_kept_checkpoint(house: House, tenant: Tenant, wrong: str):
    """Its signature and its root are compared first: a log that does not contain it is said to be another one."""
    proofs, client, path = house.vault.audit_log.proofs, sign_in(house, tenant.name), f"{base(tenant)}/log"
    kept = house.call(proofs.checkpoint)
    size = int(kept.decode().split("\n")[1])
    recording = tenant.uploaded(AUDIO)
    right = client.get(path, params={"checkpoint": kept.decode().replace("\n", "\r\n")})
    assert right.status_code == 200
    assert "The log still begins with" in right.text
    assert {index for index, _ in entries(right.text)} == {
        one["index"] for one in tenant.events() if one["index"] >= size
    }
    assert recording in right.text

    signer = proofs.signer
    if wrong == "foreign":
        signer = Signer(name=signer.name, secret=bytes(range(32)))
    other = Checkpoint(origin=signer.name, size=10**6 if wrong == "longer" else 1, root=b"r" * 32)
    note = b"no checkpoint" if wrong == "nonsense" else sign_checkpoint(other, signer)
    answer = client.get(path, params={"checkpoint": note.decode()})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert ("does not contain this checkpoint" in answer.text) == (wrong == "rewritten")
    assert ("entries are missing" in answer.text) == (wrong == "longer")
    assert "The log still begins with" not in answer.text


def test_a_grant_is_shown_in_seconds(house: House, tenant: Tenant):
    """What was granted, and what the player says that it played; of what was sent the bytes."""
    sound = tone(2.0)
    recording = tenant.uploaded(sound)
    listener = house.client()
    where = open_link(listener, tenant.link(recording)["url"]).headers["location"]
    assert listener.get(f"{where}/audio").status_code == 200
    assert listener.post(f"{where}/heard", json={"spans": [[0.5, 1.2]]}).status_code == 204
    deadline = time.monotonic() + 60
    while "playback.end" not in tenant.types(recording):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    page = sign_in(house, tenant.name).get(f"{base(tenant)}/log", params={"kind": "listening"}).text
    parts = dict(re.findall(r'title="(playback\.\w+)">[^<]*<span class="id">([^<]*)</span>', page))
    assert parts == {
        "playback.grant": "0:00-0:02", "playback.end": f"{len(sound):,} bytes", "playback.heard": "0:00-0:02",
    }  # fmt: skip
