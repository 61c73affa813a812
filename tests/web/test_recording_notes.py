"""Notes by REST: a key's own, changed in part, and refused with the field and the reason."""

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House


def test_a_key_keeps_notes_of_its_own(house: House, tenant: Tenant):
    """A repeated POST makes one; null makes a bookmark of a note; another key of the account sees none."""
    recording = tenant.uploaded(AUDIO)
    path = tenant.url(f"/recordings/{recording}/notes")
    client = house.client(house.key_for(tenant.name, "recordings:read", "links:write"))
    said = {"at": 0.25, "text": "asks for\na refund"}
    made = [client.post(path, json=said, headers={"Idempotency-Key": "n1"}) for _ in range(2)]
    assert {one.status_code for one in made} == {201}
    assert made[0].json() == made[1].json()
    note = made[0].json()
    assert client.get(path).json() == {"items": [note]}
    assert (note["at"], note["text"]) == (0.25, said["text"])
    changed = client.patch(f"{path}/{note['id']}", json={"at": 0.5}).json()
    assert (changed["at"], changed["text"]) == (0.5, said["text"])
    assert client.patch(f"{path}/{note['id']}", json={"text": None}).json()["text"] is None
    assert tenant.http.get(path).json() == {"items": []}
    assert tenant.http.delete(f"{path}/{note['id']}").status_code == 404
    assert client.delete(f"{path}/{note['id']}").status_code == 204
    assert client.get(path).json() == {"items": []}
    assert tenant.types(recording)[-5:] == [
        "recording.available",
        "note.made",
        "note.changed",
        "note.changed",
        "note.deleted",
    ]
    kinds = [
        one["text"] for one in tenant.http.get(tenant.url(f"/recordings/{recording}/history")).json()["items"]
    ]
    assert kinds[-1] == "A listener deleted a note"


def test_what_is_wrong_with_a_note_is_said(tenant: Tenant):
    """The field in the problem; nothing is made."""
    path = tenant.url(f"/recordings/{tenant.uploaded(AUDIO)}/notes")
    for said, field in (
        ({}, "at"),
        ({"at": -1}, "at"),
        ({"at": 99}, "at"),
        ({"at": 0, "text": "x" * 1001}, "text"),
        ({"at": 0, "text": "a\x00b"}, "text"),
        ({"at": 0, "by": "me"}, "by"),
    ):
        answer = tenant.http.post(path, json=said)
        assert answer.status_code == 422, said
        assert field in answer.json()["detail"]
    assert tenant.http.get(path).json() == {"items": []}


def test_notes_of_a_revoked_key_are_shown_to_who_guards_privacy(house: House, tenant: Tenant):
    """At REST and on the recording's page, as text; not without privacy:write, and not while the key is good."""
    recording = tenant.uploaded(AUDIO)
    url = tenant.url(f"/recordings/{recording}")
    body = {"name": "gone", "scopes": ["*"], "account": tenant.name}
    made = house.admin.post("/v1/keys", json=body).json()
    former = house.client({"Authorization": f"Bearer {made['key']}"})
    text = "<script>alert(1)</script>"
    assert former.post(f"{url}/notes", json={"at": 0.1, "text": text}).status_code == 201
    assert house.admin.get(f"{url}/former-notes").json()["items"] == []
    assert house.admin.delete(f"/v1/keys/{made['id']}").status_code == 204
    (note,) = house.admin.get(f"{url}/former-notes").json()["items"]
    assert (note["text"], note["author"], note["author_name"]) == (text, made["id"], "gone")
    assert house.admin.get(f"{url}/notes").json()["items"] == []
    page = f"/console/accounts/{tenant.name}/recordings/{recording}"
    guard, reader = sign_in(house, tenant.name, "*"), sign_in(house, tenant.name, "recordings:read")
    assert "&lt;script&gt;alert(1)" in guard.get(page).text
    assert text not in guard.get(page).text
    assert "former listeners" not in reader.get(page).text
    assert "note.read" in tenant.types(recording)
