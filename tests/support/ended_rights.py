"""Everything by which somebody may hear one recording, or do something, before an act ends it: for ``ended_acts``.

Each permission has its doors, which answer whether it still gives something at a node.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from sqlalchemy import update

from tests.support.console import OWN
from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House
from vault.database.schema.playback import link_keys
from vault.errors import VaultError

#: Asks a node whether a permission still gives something there.
Door = Callable[[House], bool]
NUMBER: Final = "+14155550142"
#: Sessions of a link, enough for every try.
MANY: Final = 100


@dataclass
class Stream:
    """A response in progress, at the services of a node."""

    node: House
    blocks: AsyncIterator[bytes]

    def goes_on(self) -> bool:
        """Read it to its end; return whether it has one."""

        async def read() -> bool:
            try:
                async for _ in self.blocks:
                    pass
            except VaultError:
                return False
            return True

        return bool(self.node.call(read))


@dataclass
class Scene:
    """An account with one recording, and who may do what."""

    nodes: list[House]
    tenant: Tenant
    recording: str
    minter: Minter
    #: By name: the key's id, and its header.
    keys: dict[str, tuple[str, dict[str, str]]]
    #: By permission and door.
    doors: dict[str, dict[str, Door]] = field(default_factory=dict)
    #: What acts name: ids of links, sessions, people, requests and approvals.
    ids: dict[str, str] = field(default_factory=dict)
    #: By permission: the cookies of its session.
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, permission: str, **doors: Door) -> None:
        """Add doors of a permission; underscores stand for spaces."""
        self.doors.setdefault(permission, {}).update(
            {name.replace("_", " "): one for name, one in doors.items()}
        )

    def alive(self) -> dict[str, dict[str, list[bool]]]:
        """Try every door at every node."""
        return {
            permission: {door: [ask(node) for node in self.nodes] for door, ask in doors.items()}
            for permission, doors in self.doors.items()
        }

    def key(self, name: str, *scopes: str) -> dict[str, str]:
        """Make an API key; return its header."""
        made = self.tenant.http.post(
            "/v1/keys", json={"name": name, "scopes": list(scopes), "account": self.tenant.name}
        ).json()
        self.keys[name] = made["id"], {"Authorization": f"Bearer {made['key']}"}
        return self.keys[name][1]


def get(node: House, path: str, headers: dict[str, str] | None = None, cookies: Any = None) -> bool:
    with httpx.Client(base_url=node.url, timeout=30, cookies=cookies, headers=headers) as client:
        answer = client.get(path)
        return answer.status_code in {200, 206} and bool(answer.content)


def _opens(node: House, token: str) -> bool:
    with httpx.Client(base_url=node.url, timeout=30) as client:
        return open_link(client, f"{node.url}/p/{token}").status_code == 303


def _shows(node: House, token: str) -> bool:
    with httpx.Client(base_url=node.url, timeout=30) as client:
        return client.get(f"/p/{token}").status_code == 200


def _through(node: House, door: str, token: str) -> bool:
    """Give a link to a doorway, and open where it leads."""
    with httpx.Client(base_url=node.url, timeout=30, headers=OWN) as client:
        answer = client.post(f"/h/{door}", data={"link": token})
        return answer.status_code == 303 and _opens(node, answer.headers["location"].rpartition("/")[2])


def _session(scene: Scene, permission: str, token: str, *, download: bool = True) -> None:
    """Open a link at the first node: its session, and a stream at each node."""
    with httpx.Client(base_url=scene.nodes[0].url, timeout=30) as client:
        answer = open_link(client, f"{scene.nodes[0].url}/p/{token}")
        assert answer.status_code == 303, answer.text
        path, cookies = answer.headers["location"], dict(answer.cookies)
    paths = {"audio": "/audio", "waveform": "/waveform"} | ({"download": "/download"} if download else {})
    for name, end in paths.items():
        scene.add(permission, **{name: lambda node, end=end: get(node, path + end, cookies=cookies)})
    streams(scene, permission, lambda node: _begun(node, token))


def streams(scene: Scene, permission: str, begin: Callable[[House], Stream]) -> None:
    """Begin a response at each node; each is tried twice: before the act another one is begun in its place."""
    running = {node.url: begin(node) for node in scene.nodes}

    def ask(node: House) -> bool:
        stream = running.pop(node.url, None)
        if stream is None:
            return False
        if not scene.ids.get("act"):
            running[node.url] = begin(node)
        return stream.goes_on()

    scene.add(permission, stream=ask)


def _begun(node: House, token: str) -> Stream:
    async def begin() -> AsyncIterator[bytes]:
        vault = node.vault
        opened = await vault.playback.open_links.open(
            token, nonce=secrets.token_hex(8), address="127.0.0.1", agent="a"
        )
        found = await vault.playback.open_links.find(opened.session.id, opened.secret.text)
        sound = await vault.playback.audio.for_session(found.session, found.recording)
        blocks = await vault.playback.audio.stream(sound, 0, sound.size)
        assert await anext(aiter(blocks))
        return blocks

    return Stream(node, node.call(begin))


def add_links(scene: Scene) -> None:
    """Own links of an API key: a player, media, for legal claims, and a doorway's."""

    def made(name: str, key: str = "sharer", **wanted: Any) -> str:
        path = scene.tenant.url(f"/recordings/{scene.recording}/links")
        body = (
            {"listener": "Ada"}
            | ({} if wanted.get("kind") else {"sessions": MANY, "download": True})
            | wanted
        )
        answer = scene.tenant.http.post(path, json=body, headers=scene.keys[key][1])
        assert answer.status_code == 201, answer.text
        scene.ids[name] = answer.json()["id"]
        return str(answer.json()["url"].rpartition("/")[2])

    one = made("link")
    scene.add("link", page=lambda node: _shows(node, one), open=lambda node: _opens(node, one))
    _session(scene, "link's session", made("opened link"))
    media = made("media link", kind="media")
    assert get(scene.nodes[0], f"/p/{media}")
    scene.add("media link, opened", get=lambda node: get(node, f"/p/{media}"))
    fresh = made("media link", kind="media")
    scene.add("media link", head=lambda node: _heads(node, fresh))
    legal = made("legal link", "counsel", purpose="legal_claims", purpose_text="Acme v. Doe")
    scene.add("link for legal claims", open=lambda node: _opens(node, legal))
    _session(scene, "link for legal claims", legal)
    claimed = made("claimed link", purpose="legal_claims")
    scene.add("link that says legal claims", open=lambda node: _opens(node, claimed))
    _session(scene, "link that says legal claims", claimed)
    address = scene.tenant.http.post(scene.tenant.url(f"/recordings/{scene.recording}/doorway")).json()["url"]
    door, given = address.rpartition("/")[2], made("door link")
    scene.add("doorway", link=lambda node: _through(node, door, given))


def _heads(node: House, token: str) -> bool:
    with httpx.Client(base_url=node.url, timeout=30) as client:
        return client.head(f"/p/{token}").status_code == 200


def add_signed(scene: Scene) -> None:
    """Links that a customer's key has signed: opened and not."""

    def token(**claims: Any) -> str:
        # Signed a while ago, as by a backend that sends links by mail.
        now = int(datetime.now(UTC).timestamp())
        return scene.minter.token(scene.recording, iat=now - 5, exp=now + 600, lsn="Ada", **claims)

    scene.ids["jti"] = secrets.token_urlsafe(12)
    one = token(jti=scene.ids["jti"], dl=True)
    fresh = [token() for _ in scene.nodes]
    places = {node.url: fresh[number] for number, node in enumerate(scene.nodes)}
    scene.add("signed link", page=lambda node: _shows(node, places[node.url]))
    twin = _twin(scene).token(scene.recording, iat=int(time.time()) - 5, lsn="Ada")
    by_ref = token(sub=None, ref="call-1/rec-1")
    scene.add("signed link by ref", page=lambda node: _shows(node, by_ref))
    unopened = token(knd="media")
    scene.add("signed media link", head=lambda node: _heads(node, unopened))
    scene.add("signed link, opened", open=lambda node: _opens(node, one))
    _session(scene, "signed link's session", one)
    scene.add("signed link of a twin", page=lambda node: _shows(node, twin))
    media = token(knd="media")
    assert get(scene.nodes[0], f"/p/{media}")
    scene.add("signed media link, opened", get=lambda node: get(node, f"/p/{media}"))


def _twin(scene: Scene) -> Minter:
    """Return the same private key under another name, which an earlier release took."""
    twin, node = register(scene.tenant, Minter(), "twin"), scene.nodes[0]
    known = node.call(node.vault.database.read, lambda tx: tx.link_keys.find(scene.tenant.id, "crm"))
    same = update(link_keys).where(link_keys.c.id == twin.key_id).values(public_key=known.public_key)
    node.call(node.vault.database.write, lambda tx: tx.connection.execute(same) and None)
    twin.private, twin.audience = scene.minter.private, node.url
    return twin


def add_reader(scene: Scene) -> None:
    """An API key that downloads."""
    header, path = scene.key("reader", "recordings:read"), f"/recordings/{scene.recording}"
    scene.add("API key", audio=lambda node: get(node, scene.tenant.url(f"{path}/audio"), header))

    def begin(node: House) -> Stream:
        async def run() -> AsyncIterator[bytes]:
            sound = await node.vault.playback.audio.for_download(
                scene.tenant.id, scene.recording, actor=scene.keys["reader"][0]
            )
            blocks = await node.vault.playback.audio.stream(sound, 0, sound.size)
            assert await anext(aiter(blocks))
            return blocks

        return Stream(node, node.call(run))

    streams(scene, "API key", begin)
