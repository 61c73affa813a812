"""Who may do what beside links, for ``ended_acts``: at the console, by a role, with a package, as an approver."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.support.console import OWN
from tests.support.ended_rights import MANY, NUMBER, Scene, add_links, add_reader, add_signed, get
from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.listening import LONG
from tests.support.tenant import PATIENCE, Tenant, moment
from tests.support.web_house import House
from vault.domain.accounts.console_session import MAX_LENGTH, ConsoleSession
from vault.domain.accounts.roles import SCOPES_OF_ROLE
from vault.domain.ids import Token, new_id
from vault.domain.sign_in.connection import PersonRow


def new_scene(nodes: list[House]) -> Scene:
    """Return an account with a recording, and every kind of permission by every kind of grantor."""
    tenant = Tenant.open(nodes[0].admin)
    facts = {"direction": "inbound", "from": NUMBER, "to": "+14155550143", "agent": "Kim"}
    said = facts | {"started_at": moment(datetime.now(UTC) - timedelta(minutes=1))}
    assert tenant.http.put(tenant.url("/calls/call-1"), json=said).is_success
    scene = Scene(nodes, tenant, tenant.uploaded(LONG), Minter(), {})
    register(tenant, scene.minter, "crm", kinds=["player", "media"], max_sessions=MANY, download=True)
    scene.minter.audience = nodes[0].url
    scene.key("sharer", "links:write", "recordings:read")
    scene.key("counsel", "links:write", "privacy:write")
    add_links(scene)
    add_signed(scene)
    add_reader(scene)
    _console(scene)
    _person(scene)
    _package(scene)
    _approval(scene)
    return scene


def _console(scene: Scene) -> None:
    """A session of the console by an API key, and what is heard in it."""
    header = scene.key("console", "recordings:read", "links:write")
    with httpx.Client(base_url=scene.nodes[0].url, timeout=30, headers=OWN) as client:
        key = header["Authorization"].removeprefix("Bearer ")
        assert client.post("/console/sign-in", data={"key": key}).status_code == 303
        cookies = dict(client.cookies)
    (scene.ids["console session"],) = [
        one["id"] for one in scene.tenant.http.get(scene.tenant.url("/console-sessions")).json()["items"]
    ]
    _listens(scene, "console session", cookies)


def _leads_to_player(answer: httpx.Response) -> bool:
    """Return whether somebody listens; who is not signed in is led to the page of that."""
    return answer.status_code == 303 and answer.headers["location"].startswith("/s/")


def _listens(scene: Scene, permission: str, cookies: dict[str, str]) -> None:
    """Add the doors of a session of the console: a page, a new listening, and one that was begun before."""
    base = f"/console/accounts/{scene.tenant.name}/recordings/{scene.recording}"

    scene.cookies[permission] = cookies

    def listen(node: House) -> httpx.Response:
        with httpx.Client(base_url=node.url, timeout=30, headers=OWN, cookies=cookies) as client:
            form = {"purpose": "quality", "nonce": secrets.token_hex(8)}
            return client.post(f"{base}/listening", data=form)

    scene.add(permission, page=lambda node: get(node, base, cookies=cookies))
    scene.add(f"{permission}, listens", listen=lambda node: _leads_to_player(listen(node)))
    answer = listen(scene.nodes[0])
    assert answer.status_code == 303, answer.text
    path, own = answer.headers["location"], dict(answer.cookies)
    scene.add(f"{permission}, heard", audio=lambda node: get(node, f"{path}/audio", cookies=own))


def _person(scene: Scene) -> None:
    """A person with a role by a sign-in connection, who is signed in."""
    body = {
        "issuer": "https://idp.example",
        "client_id": "c",
        "roles": [{"value": "staff", "role": "listener"}],
    }
    made = scene.tenant.http.put(scene.tenant.url("/sign-in-connections/main"), json=body)
    assert made.status_code == 200, made.text
    node, now, secret = scene.nodes[0], datetime.now(UTC), Token.new()
    roles = tuple(node.call(node.vault.database.read, lambda tx: tx.sign_in.roles(scene.tenant.id)))
    person = PersonRow(
        id=new_id("per"), account_id=scene.tenant.id, connection_id=made.json()["id"], sealed_profile=None,
        role_ids=roles, first_at=now, last_at=now, removed_at=None,
    )  # fmt: skip
    session = ConsoleSession(
        id=new_id("cons"), key_id=None, account_id=scene.tenant.id, scopes=SCOPES_OF_ROLE["listener"], sid=None,
        created_at=now, last_used_at=now, ends_at=now + MAX_LENGTH, ended_at=None, person_id=person.id,
    )  # fmt: skip

    def insert(tx: Any) -> None:
        tx.people.put(person)
        tx.console_sessions.insert(session, secret.digest)

    node.call(node.vault.database.write, insert)
    scene.ids |= {"person": person.id, "person session": session.id}
    _listens(scene, "person", {"console": secret.text})


def _package(scene: Scene) -> None:
    """The package of a request for access, with the recording."""
    http, url = scene.tenant.http, scene.tenant.url
    now = moment(datetime.now(UTC) - timedelta(minutes=1))
    wanted = {"kind": "access", "regime": "gdpr", "reference": "r", "received_at": now}
    wanted |= {"identities": [{"type": "number", "value": NUMBER}]}
    made = http.post(url("/requests"), json=wanted)
    assert made.status_code == 201, made.text
    scene.ids["request"] = made.json()["id"]
    path = url(f"/requests/{scene.ids['request']}")
    assert http.post(f"{path}/verification", json={"method": "callback", "at": now}).is_success
    decided = http.post(f"{path}/decision", json={"code": "provided_whole"})
    assert decided.is_success, decided.text
    deadline = datetime.now(UTC) + timedelta(seconds=PATIENCE)
    while http.get(path).json()["state"] not in {"fulfilled", "partly_fulfilled"}:
        assert datetime.now(UTC) < deadline, http.get(path).text
    header = scene.key("privacy", "privacy:write", "audit:read")

    def parts(node: House) -> bool:
        with httpx.Client(base_url=node.url, timeout=30, headers=header) as client:
            return client.get(f"{path}/package/parts").status_code == 200

    # A download is counted, and three are all: the list of its parts says whether one would work.
    scene.add("package", parts=parts)


def _approval(scene: Scene) -> None:
    """Erasures of calls that wait for a second person: one for each node, because each is carried out once."""
    http, url = scene.tenant.http, scene.tenant.url
    assert http.put(url("/approval-rule"), json={"enabled": True, "verbs": ["call_erasure"]}).is_success
    asking, deciding = _independent(scene, "asker"), _independent(scene, "approver")
    asked = {}
    for number, node in enumerate(scene.nodes):
        ref = f"waits-{number}"
        facts = {"direction": "inbound", "from": "+12025550111", "to": "+12025550112"}
        assert http.put(
            url(f"/calls/{ref}"), json=facts | {"started_at": moment(datetime.now(UTC))}
        ).is_success
        answer = httpx.delete(scene.nodes[0].url + url(f"/calls/{ref}"), headers=asking)
        assert answer.status_code == 202, answer.text
        asked[node.url] = answer.json()
    scene.ids["approvals"] = " ".join(one["id"] for one in asked.values())

    def approve(node: House) -> bool:
        if not scene.ids.get("act"):
            return True  # It is carried out once, so it is tried once.
        one = asked[node.url]
        body = {"decision": "approve", "digest": one["digest"]}
        answer = httpx.post(
            node.url + url(f"/approvals/{one['id']}"), json=body, headers=deciding, timeout=30
        )
        return answer.status_code == 200 and answer.json()["state"] == "executed"

    scene.add("approval", approve=approve)


def _independent(scene: Scene, name: str) -> dict[str, str]:
    """Return the header of a key that no other key has made."""
    vault, scopes = scene.nodes[0].vault, ["privacy:write", "approvals:write"]
    key, text = scene.nodes[0].call(
        vault.accounts.api_keys.issue, name=name, scopes=scopes, account_id=scene.tenant.id, actor="operator"
    )
    scene.keys[name] = key.id, {"Authorization": f"Bearer {text.text}"}
    return scene.keys[name][1]
