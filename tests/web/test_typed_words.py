"""What people type into REST is nowhere in clear: not in the database, its log, the object store or the log."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.contract_texts import free_texts
from tests.support.fast_yaml import committed_contract
from tests.support.read_below import read_below
from tests.support.tenant import Tenant, moment, tone
from tests.support.web_house import House, open_house
from tests.web.event_acts import type_endpoint
from tests.web.handover_acts import type_integration
from tests.web.member_acts import type_member
from tests.web.typed_texts import AUTHORITY_REQUESTS, CLEAR, SEALED, Markers


def test_every_text_of_the_contract_is_known_here():
    """A new field of text is sealed and gets a marker below, or is named with the reason why it need not be."""
    assert set(free_texts(committed_contract())) == SEALED | set(CLEAR)


def put(tenant: Tenant, path: str, said: dict[str, Any]) -> dict[str, Any]:
    """Send a body, and return the answer."""
    answer = tenant.http.put(tenant.url(path), json=said)
    assert answer.status_code in {200, 201}, answer.text
    return dict(answer.json()) if answer.content else {}


def settle(tenant: Tenant, mark: Markers) -> None:
    """Set everything that an account's admin sets, with words in it."""
    reason = mark("PUT", "/recording-switch", "reason")
    for enabled in (False, True):
        put(tenant, "/recording-switch", {"enabled": enabled, "reason": reason})
    override = {
        "place": "*",
        "consent": "all",
        "reason": mark("PUT", "/consent-policy", "overrides[].reason"),
    }
    part = {"reason": mark("PATCH", "/consent-policy", "reason")}
    part["overrides"] = [override | {"reason": mark("PATCH", "/consent-policy", "overrides[].reason")}]
    assert tenant.http.patch(tenant.url("/consent-policy"), json=part).status_code == 200
    policy = tenant.http.get(tenant.url("/consent-policy")).json()
    policy = {
        name: value for name, value in policy.items() if name not in {"version", "changed_at", "changed_by"}
    }
    policy |= {"missing_evidence": "quarantine"}
    policy |= {"reason": mark("PUT", "/consent-policy", "reason"), "overrides": [override]}
    first = put(tenant, "/consent-policy", policy)
    assert put(tenant, "/consent-policy", policy)["version"] == first["version"]
    assert put(tenant, "/consent-policy", policy | {"quarantine_days": 20})["version"] == first["version"] + 1
    put(tenant, "/objections/+14155550199", {"reason": mark("PUT", "/objections/{number}", "reason")})
    at = "/connections/{name}"
    urls = {name: f"http://127.0.0.1/{mark('PUT', at, name)}?q=1" for name in ("next_url", "api_base")}
    secrets = [{"secret": "whsec_" + mark("PUT", at, f"{name}{{}}").ljust(40, "A")}
               for name in ("credentials", "previous_credentials")]  # fmt: skip
    said = {"provider": "platform", "credentials": secrets[0], "previous_credentials": secrets[1], **urls}
    assert put(tenant, "/connections/second", said)["next_url"] == urls["next_url"]


def register(tenant: Tenant, mark: Markers) -> None:
    """Fill the registers, with words in every field."""
    at = ("PUT", "/processing-record")
    contacts = {
        name: {part: mark(*at, f"{name}.{part}") for part in ("name", "address", "contact")}
        for name in ("controller", "joint_controllers[]", "representative", "officer", "processor")
    }
    joint = contacts.pop("joint_controllers[]")
    said: dict[str, Any] = {**contacts, "joint_controllers": [joint]}
    words = {part: mark(*at, f"purposes[].{part}") for part in ("purpose", "explanation")}
    said["purposes"] = [words | {"legal_basis": "consent"}]
    said |= {name: [mark(*at, f"{name}[]")] for name in ("persons", "data", "measures")}
    put(tenant, at[1], said | {name: mark(*at, name) for name in ("requests_to", "authority")})
    codes = {"role": "processor", "country": "FR", "since": "2026-01-01"}
    enter(tenant, mark, "/recipients", "/recipients/{recipient}", codes)
    codes = {"received_at": "2026-01-01T00:00:00Z", "country": "FR", "kind": "order", "scope": "both"}
    enter(tenant, mark, *(path for _, path in AUTHORITY_REQUESTS), codes)


def enter(tenant: Tenant, mark: Markers, path: str, entry: str, codes: dict[str, str]) -> None:
    """Enter something into a register, and change all its words."""
    said = marked(mark, "POST", path)
    decided = {"decision": "complied"} if "handover" in said else {}
    made = tenant.http.post(tenant.url(path), json=codes | decided | said)
    assert made.status_code == 201, made.text
    changed = marked(mark, "PATCH", entry)
    answer = tenant.http.patch(tenant.url(f"{path}/{made.json()['id']}"), json=changed)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in changed} == changed


def marked(mark: Markers, method: str, path: str) -> dict[str, Any]:
    """Return a body with a marker in each of its sealed fields."""
    names = sorted(field for at, where, field in SEALED if (at, where) == (method, path))
    marks = {name: mark(method, path, name) for name in names}
    return {name.removesuffix("[]"): [word] if name.endswith("[]") else word for name, word in marks.items()}


def record(tenant: Tenant, mark: Markers) -> tuple[str, str]:
    """Bring two recordings into quarantine; refuse one, let the other out and share it. Return both."""
    at, made = "/recordings/{recording}", []
    for number, ref in enumerate(("kept", "refused")):
        said: dict[str, Any] = {
            name: mark("PUT", "/calls/{call_ref}", name) for name in ("agent", "from", "to")
        }
        said |= {"metadata": metadata_with(mark, "PUT", "/calls/{call_ref}")}
        put(tenant, f"/calls/{ref}", said | {"direction": "inbound", "started_at": moment(datetime.now(UTC))})
        answer = tenant.put(tone(0.2, hertz=440 + number), call=ref, ref=ref)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        tenant.wait(made[-1], "quarantined")
    kept, refused = made
    for recording, verb in ((refused, "refusal"), (kept, "release")):
        said = {"reason": mark("POST", f"{at}/{verb}", "reason")}
        answer = tenant.http.post(tenant.url(f"/recordings/{recording}/{verb}"), json=said)
        assert answer.status_code in {200, 204}, answer.text
    tenant.wait(kept)
    purpose = mark("POST", f"{at}/links", "purpose_text")
    tenant.link(kept, listener=mark("POST", f"{at}/links", "listener"), purpose_text=purpose)
    note_on(tenant, mark, kept)
    for path, of in (("/calls/kept", "/calls/{call_ref}"), (f"/recordings/{kept}", at)):
        marked_metadata = {"metadata": metadata_with(mark, "PATCH", of)}
        tenant.http.patch(tenant.url(path), json=marked_metadata).raise_for_status()
    said = {"listener": mark("POST", "/links/revocation", "listener")}
    assert tenant.http.post(tenant.url("/links/revocation"), json=said).status_code == 200
    said = {"listener": mark("POST", "/link-cuts", "listener")}
    cut = tenant.http.post(tenant.url("/link-cuts"), json=said)
    assert (cut.status_code, cut.json()["listener"]) == (201, said["listener"])
    event = "/webhooks/{provider}/{connection}"
    words: dict[str, Any] = {name: mark("POST", event, f"data.{name}") for name in ("agent", "from", "to")}
    words["metadata"] = metadata_with(mark, "POST", event, "data.")
    words |= {"call": "later", "ref": "later", "started_at": moment(datetime.now(UTC))}
    url = f"https://nowhere.invalid/{mark('POST', event, 'data.recording_url')}"
    again = tenant.url(f"/recordings/{tenant.announce(url, **words).json()['recording']}/retry")
    url = f"https://nowhere.invalid/{mark('POST', f'{at}/retry', 'recording_url')}"
    tenant.http.post(again, json={"recording_url": url}).raise_for_status()
    removal = {"ranges": [{"from": 0, "to": 0.05}], "reason": mark("POST", f"{at}/redactions", "reason")}
    tenant.http.post(tenant.url(f"/recordings/{kept}/redactions"), json=removal).raise_for_status()
    restriction = {"reason": mark("PUT", f"{at}/restriction", "reason")}
    tenant.http.put(tenant.url(f"/recordings/{kept}/restriction"), json=restriction).raise_for_status()
    return kept, refused


def metadata_with(mark: Markers, method: str, path: str, within: str = "") -> dict[str, str]:
    """Return metadata with the field's marker as a key and as a value."""
    marker = mark(method, path, f"{within}metadata{{}}")
    return {marker: marker}


def note_on(tenant: Tenant, mark: Markers, recording: str) -> None:
    """Make a note on a recording, and change its words."""
    path = f"/recordings/{recording}/notes"
    first, then = (
        ("POST", "/recordings/{recording}/notes"),
        ("PATCH", "/recordings/{recording}/notes/{note}"),
    )
    made = tenant.http.post(tenant.url(path), json={"at": 0.1, "text": mark(*first, "text")})
    assert made.status_code == 201, made.text
    said = {"text": mark(*then, "text")}
    changed = tenant.http.patch(tenant.url(f"{path}/{made.json()['id']}"), json=said)
    assert (changed.status_code, changed.json()["text"]) == (200, said["text"])


def keep(tenant: Tenant, mark: Markers) -> None:
    """Place a hold and set a retention policy, with words in every field."""
    number = mark("POST", "/holds", "covers.numbers[]")
    said = {name: mark("POST", "/holds", name) for name in ("name", "reason")}
    held = said | {"covers": {"calls": ["another"], "numbers": [number]}}
    placed = tenant.http.post(tenant.url("/holds"), json=held)
    assert placed.status_code == 201, placed.text
    at = ("PUT", "/retention-policy")
    words = {name: mark(*at, f"classes[].{name}") for name in ("purpose", "statute")}
    words["match"] = {"agent": mark(*at, "classes[].match.agent")}
    classes = [
        words | {"class": "long", "minimum": "P5Y", "minimum_ground": "legal_obligation"},
        words | {"class": "short", "maximum": "P6M"},
    ]
    decided = {"minimum_of": "long", "maximum_of": "short", "applies": "minimum"}
    policy = {"classes": classes, "told_reason": mark(*at, "told_reason")}
    policy["decisions"] = [decided | {"reason": mark(*at, "decisions[].reason")}]
    preview = tenant.http.post(tenant.url("/retention-policy/preview"), json=policy)
    assert preview.status_code == 200, preview.text
    digest = {"Preview-Digest": preview.json()["digest"]}
    answer = tenant.http.put(tenant.url("/retention-policy"), json=policy, headers=digest)
    assert answer.status_code == 200, answer.text


def connect_sign_in(tenant: Tenant, mark: Markers) -> None:
    """Connect a sign-in provider."""
    at = ("PUT", "/sign-in-connections/{name}")
    said: dict[str, Any] = {name: mark(*at, name) for name in ("client_id", "client_secret")}
    said |= {"scopes": ["openid", mark(*at, "scopes[]")], "claim": [mark(*at, "claim[]")]}
    said["acr_values"] = [mark(*at, "acr_values[]")]
    said["issuer"] = f"https://{mark(*at, 'issuer')}.example"
    agents = [mark(*at, "roles[].agents[]")]
    said["roles"] = [{"value": mark(*at, "roles[].value"), "role": "listener", "agents": agents}]
    put(tenant, "/sign-in-connections/main", said)


def ask_for_data(tenant: Tenant, mark: Markers, recording: str) -> None:
    """Enter a request of the agent, extend its deadline, and refuse it with words."""
    at, now = "/requests", datetime.now(UTC)
    said = {name: mark("POST", at, name) for name in ("channel", "reference", "wish")}
    person = {"type": "agent", "value": mark("PUT", "/calls/{call_ref}", "agent")}
    other = {"type": "agent", "value": mark("POST", at, "identities[].value")}
    said |= {"kind": "erasure", "regime": "gdpr", "received_at": moment(now), "identities": [person, other]}
    made = tenant.http.post(tenant.url(at), json=said)
    assert made.status_code == 201, made.text
    later = {"until": moment(now + timedelta(days=60)), "told_at": moment(datetime.now(UTC))}
    one = "/requests/{request_id}"
    later["reason"] = mark("POST", f"{one}/extension", "reason")
    extended = tenant.http.post(tenant.url(f"{at}/{made.json()['id']}/extension"), json=later)
    assert extended.status_code == 200, extended.text
    names = {name: mark("POST", f"{one}/decision", name) for name in ("reason", "statute")}
    verdict = {"code": "kept_claims", "statute": mark("POST", f"{one}/decision", "verdicts{}.statute")}
    decision = {"code": "kept_claims", "verdicts": {recording: verdict}} | names
    decided = tenant.http.post(tenant.url(f"{at}/{made.json()['id']}/decision"), json=decision)
    assert decided.status_code == 202, decided.text
    hook = {"url": f"https://crm.example/{mark('PUT', '/request-callback', 'url')}"}
    assert tenant.http.put(tenant.url("/request-callback"), json=hook).status_code == 200
    closing = tenant.http.post(tenant.url("/closure"), json={"reason": mark("POST", "/closure", "reason")})
    assert closing.status_code == 202, closing.text


def found_in(folder: Path, log: str, mark: Markers) -> list[tuple[str, Any]]:
    """Return which markers are in clear, and where."""
    texts = {path.name: body for path, body in read_below(folder).items()}
    texts["log"] = log.encode()
    return [
        (name, field)
        for name, text in texts.items()
        for field, marker in mark.used.items()
        if marker.encode() in text
    ]


def write_objects(house: House) -> None:
    """Write what is due to the object store."""
    vault = house.vault
    for verb in (
        vault.jobs.write_manifests,
        vault.jobs.write_account_objects,
        vault.jobs.write_tombstones,
        vault.jobs.log_publisher.publish,
    ):
        house.call(verb)


def reasons_shown(tenant: Tenant, mark: Markers) -> None:
    """See that the admin reads all words, as they were typed."""
    said = {one["reason"] for one in tenant.http.get(tenant.url("/recording-switch/history")).json()["items"]}
    assert mark("PUT", "/recording-switch", "reason") in said
    for path in ("/consent-policy", "/consent-policy/history"):
        answer = tenant.http.get(tenant.url(path)).json()
        policy = answer["items"][-1] if "items" in answer else answer
        assert policy["reason"] == mark("PUT", "/consent-policy", "reason")
        assert policy["overrides"][0]["reason"] == mark("PUT", "/consent-policy", "overrides[].reason")
    for path in ("/objections", "/objections/+14155550199"):
        (one,) = tenant.http.get(tenant.url(path)).json()["items"]
        assert one["reason"] == mark("PUT", "/objections/{number}", "reason")


@pytest.mark.faults
def test_no_word_that_was_typed_is_found_in_clear(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Before and after erasure; an ingest key reads no reason, and erasure takes the words of a refusal along."""
    mark = Markers()
    with open_house(tmp_path, VAULT_LOG_LEVEL="DEBUG") as house:
        tenant = Tenant.open(house.admin)
        settle(tenant, mark)
        register(tenant, mark)
        connect_sign_in(tenant, mark)
        kept, refused = record(tenant, mark)
        keep(tenant, mark)
        house.call(house.vault.jobs.apply_policies)
        type_endpoint(tenant, mark)
        type_integration(tenant, mark)
        type_member(tenant, mark)
        ask_for_data(tenant, mark, kept)
        assert set(mark.used) == SEALED
        reasons_shown(tenant, mark)
        words = mark("POST", "/recordings/{recording}/refusal", "reason")
        details = [one["detail"] for one in tenant.events(refused) if one["type"] == "recording.refused"]
        assert details == [{"reason": words}]
        ingest = house.client(house.key_for(tenant.name, "ingest"))
        again = ingest.put(tenant.url("/calls/refused/recordings/refused"), content=tone(0.2))
        assert (again.status_code, again.json()["detail"]) == (409, "An admin refused it.")
        write_objects(house)
        assert found_in(tmp_path, capfd.readouterr().err, mark) == []
        for recording in (kept, refused):
            assert tenant.http.delete(tenant.url(f"/recordings/{recording}")).status_code == 202
            tenant.wait(recording, "erased")
        write_objects(house)
        details = [one["detail"] for one in tenant.events(refused) if one["type"] == "recording.refused"]
        assert details == [{}]
        assert found_in(tmp_path, capfd.readouterr().err, mark) == []
    assert found_in(tmp_path, capfd.readouterr().err, mark) == []
