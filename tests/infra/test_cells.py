"""Several vaults behind one host name: which cell answers what, by real routers, and a whole journey in each."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from tests.infra.routers import HOST, KINDS, Kind, client, echoes, router
from tests.servers.certificates import certificate
from tests.servers.vault_process import VaultProcess
from tests.support.tenant import Tenant, open_link, tone
from vault.cli.cells import read_cells
from vault.domain.public_urls import ALIKE, OF_AN_ACCOUNT, OF_EACH_CELL
from vault.errors import Invalid
from vault.web.app import Hosting, build

pytestmark = pytest.mark.xdist_group("cells")
CELLS = ("eu1", "us1")
APP = build(Hosting(public_url="https://vault.example"), lambda: NotImplemented)
PATHS = sorted({route.path for route in APP.router.routes[1:] if isinstance(route, APIRoute)})
#: What a path with a name in it and no account names instead of an id: the key of the caller says which cell.
NOT_IDS = {"/v1/rules/{place}", "/static/{name}"}


@pytest.fixture(scope="module", params=KINDS)
def echoed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A router before two servers that say who they are."""
    folder = tmp_path_factory.mktemp("e")
    with echoes(*CELLS) as ports, router(request.param, folder, ports) as port, client(port) as http:
        yield http


def _asked(http: httpx.Client, path: str, **headers: str) -> str:
    """Return the label of the cell that answered, or ``none``."""
    answer = http.get(path, headers=headers)
    if answer.status_code == 404:
        return "none"
    assert answer.status_code == 200, (path, answer.text)
    assert answer.json()["path"] == path, "The path must arrive as it was sent: a platform signs it."
    return str(answer.json()["cell"])


@pytest.mark.parametrize("path", PATHS)
def test_every_route_leads_to_one_cell(echoed: httpx.Client, path: str):
    """By the label in the path, or by the caller's key or cookie; or it is one that each cell answers for itself."""
    parts = re.findall(r"\{[a-z_]+\}", path)
    key = {cell: {"Authorization": f"Bearer {cell}~cvk_0_0"} for cell in CELLS}
    cookie = {cell: {"Cookie": f"language=de; __Host-console={cell}~secret; a=b"} for cell in CELLS}
    plain = re.sub(r"\{[a-z_]+\}", "x", path)
    if path in OF_EACH_CELL:
        assert {_asked(echoed, path, **key[cell]) for cell in CELLS} == {"none"}
        return
    if path.startswith(ALIKE):
        assert {_asked(echoed, plain), _asked(echoed, plain, **key["us1"])} == {"eu1"}
        return
    assert {cell: _asked(echoed, plain, **key[cell]) for cell in CELLS} == {cell: cell for cell in CELLS}
    assert {cell: _asked(echoed, plain, **cookie[cell]) for cell in CELLS} == {cell: cell for cell in CELLS}
    assert _asked(echoed, plain) == "none"
    assert _asked(echoed, plain, Authorization="Bearer xx9~cvk_0_0") == "none"
    if not parts or path in NOT_IDS or path.startswith(OF_AN_ACCOUNT):
        return
    for cell in CELLS:
        labelled = path.replace(parts[0], f"{cell}~x", 1)
        labelled = re.sub(r"\{[a-z_]+\}", "x", labelled)
        assert _asked(echoed, labelled) == cell
        other = CELLS[cell == "eu1"]
        assert _asked(echoed, labelled, **key[other], **cookie[other]) == cell, "The path says it."
    foreign = re.sub(r"\{[a-z_]+\}", "x", path.replace(parts[0], "xx9~x", 1))
    assert _asked(echoed, foreign, **key["eu1"]) == "none"


@pytest.mark.parametrize(
    ("path", "cell"),
    [
        ("/v1/accounts/acme/calls/us1~call", "none"),
        ("/console/accounts/us1~acme", "none"),
        ("/p/eu1%7Ev1.a.b", "eu1"),
        ("/p/eu1.v1", "none"),
        ("/p/eu10~v1", "none"),
        ("/p/xeu1~v1", "none"),
    ],
)
def test_what_only_looks_like_a_label(echoed: httpx.Client, path: str, cell: str):
    """A caller chooses the names in a path below an account; a label is whole."""
    assert _asked(echoed, path) == cell


@pytest.mark.parametrize("kind", KINDS)
def test_what_has_no_label_belongs_to_the_first_vault(kind: Kind, tmp_path: Path):
    """Addresses from before there were several cells go to the one that made them; another cell's label stays 404."""
    with (
        echoes(*CELLS) as ports,
        router(kind, tmp_path, ports, unlabelled="us1") as port,
        client(port) as http,
    ):
        asked = [_asked(http, path) for path in ("/p/v1.a.b", "/p/eu1~v1.a.b", "/p/xx9~v1.a.b", "/healthz")]
        assert asked == ["us1", "eu1", "none", "none"]
        assert _asked(http, "/v1/keys", Authorization="Bearer cvk_0_0") == "us1"


@pytest.mark.parametrize("kind", KINDS)
def test_an_https_cell_is_known_by_its_own_certificate(kind: Kind, tmp_path: Path):
    """One for the node's host is taken, and one for another host is refused."""
    asked = {}
    for name in ("localhost", "elsewhere.example"):
        folder = tmp_path / name
        folder.mkdir()
        server, _ = certificate(folder, name)
        trusted, node = folder / f"{name}.pem", "https://localhost"
        with (
            echoes("eu1", secure=server) as ports,
            router(kind, folder, ports, authority=trusted, node=node) as port,
            client(port) as http,
        ):
            asked[name] = http.get("/p/eu1~v1").status_code
    assert asked["localhost"] == 200
    assert asked["elsewhere.example"] in {502, 503}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("[cells]", "names no cells"),
        ("[cells", "cannot be read as TOML"),
        ('hosts = "x"', "unknown names: hosts"),
        ('[cells]\neu1 = ["http://a"]', "host in the file"),
        ('[cells]\nEU1 = ["http://a"]', "EU1 is no label"),
        ("[cells]\neu1 = []", "no list of nodes"),
        ('[cells]\neu1 = ["a:8000"]', "A node of eu1"),
        ('[cells]\neu1 = ["http://a/x"]', "A node of eu1"),
        ('[cells]\neu1 = ["http://a; } server {"]', "A node of eu1"),
        ('[cells]\neu1 = ["http://a:99999999"]', "A node of eu1"),
        ('[cells]\neu1 = ["http://a", "https://b"]', "all be https"),
        ('unlabelled = "us1"\n[cells]\neu1 = ["http://a"]', "unlabelled must be one"),
    ],
)
def test_a_wrong_file_is_a_sentence(tmp_path: Path, wrong: str, said: str):
    """It names the part; nothing of a file comes into the configuration without a check of its form."""
    head = (
        ""
        if said in {"host in the file", "cannot be read as TOML"}
        else (f'host = "{HOST}"\ncertificate = "/a.pem"\ncertificate_key = "/a.key"\n')
    )
    file = tmp_path / "cells.toml"
    file.write_text(head + wrong)
    with pytest.raises(Invalid, match=re.escape(said)):
        read_cells(file)


@dataclass
class Cells:
    """Two vaults behind a router."""

    vaults: dict[str, VaultProcess]
    keys: dict[str, str]
    port: int

    def admin(self, cell: str) -> httpx.Client:
        """Return a client of the router with a key of one cell."""
        return client(self.port, Authorization=f"Bearer {self.keys[cell]}")


@pytest.fixture(scope="module", params=KINDS)
def cells(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    """Each with its own database, store, root key and log; both under one host name."""
    folder = tmp_path_factory.mktemp("c")
    with ExitStack() as stack:
        vaults = {}
        for label in CELLS:
            (folder / label).mkdir()
            settings = {
                "VAULT_CELL": label,
                "VAULT_PUBLIC_URL": f"https://{HOST}",
                "VAULT_TRUSTED_PROXIES": "127.0.0.1/32",
            }
            vaults[label] = VaultProcess(folder / label, settings)
            vaults[label].start()
            stack.callback(_stop, vaults[label])
        keys = {label: vault.create_key() for label, vault in vaults.items()}
        ports = {label: vault.port for label, vault in vaults.items()}
        port = stack.enter_context(router(request.param, folder, ports))
        yield Cells(vaults, keys, port)


def _stop(vault: VaultProcess) -> None:
    if vault.running is not None:
        vault.stop()


def _path(url: str) -> str:
    assert url.startswith(f"https://{HOST}/"), url
    return url.removeprefix(f"https://{HOST}")


@pytest.mark.parametrize("cell", CELLS)
def test_a_whole_journey_through_the_router(cells: Cells, cell: str):
    """Webhook, upload, link, player, page for callers, console: every address that the cell writes leads back to it."""
    with cells.admin(cell) as http:
        assert cells.keys[cell].startswith(f"{cell}~cv")
        tenant = Tenant.open(http, name="acme")
        assert f"/webhooks/platform/{cell}~conn_" in tenant.webhook_url
        tenant.webhook_url = _path(tenant.webhook_url)
        assert tenant.hook("call.started", call_ref="call-1", direction="inbound").status_code == 200
        recording = tenant.uploaded(tone(1.0, hertz=440 if cell == "eu1" else 880))
        link = _path(tenant.link(recording)["url"])
        assert link.startswith(f"/p/{cell}~")
        with client(cells.port) as listener:
            opened = open_link(listener, link)
            assert opened.status_code == 303, opened.text
            player = opened.headers["location"]
            assert player.startswith(f"/s/{cell}~sess_")
            page = listener.get(player)
            audio = re.search(rf"{re.escape(player)}/audio\.[a-z]+", page.text)
            assert audio, page.text
            assert listener.get(audio[0]).content[:4] == b"RIFF"
            assert listener.get("/static/player.js").status_code == 200
        door = _path(http.post(tenant.url(f"/recordings/{recording}/doorway")).json()["url"])
        with client(cells.port) as stranger:
            assert stranger.get(door).status_code == 200
            assert stranger.get(door.replace(f"{cell}~", "xx9~")).status_code == 404
            led = stranger.post(door, data={"link": f"https://{HOST}{link}"})
            assert (led.status_code, led.headers["location"]) == (303, link)
            other = CELLS[cell == "eu1"]
            assert stranger.get(link.replace(f"{cell}~", f"{other}~")).status_code == 404


@pytest.mark.parametrize("cell", CELLS)
def test_a_platform_signs_the_address_with_the_label(cells: Cells, cell: str):
    """Twilio signs the URL that it calls: it is the one that was registered, label and all."""
    with cells.admin(cell) as http:
        assert http.put("/v1/accounts/signs", json={"name": "signs"}).status_code == 201
        said = {"provider": "twilio", "credentials": {"account_sid": f"AC{'0' * 32}", "auth_token": "t" * 32}}
        made = http.put("/v1/accounts/signs/connections/main", json=said)
        assert made.status_code == 200, made.text
        url = made.json()["webhook_url"]
        form = {"CallSid": f"CA{'1' * 32}", "AccountSid": f"AC{'0' * 32}", "CallStatus": "completed"}
        signed = (url + "".join(f"{name}{form[name]}" for name in sorted(form))).encode()
        proof = base64.b64encode(hmac.digest(b"t" * 32, signed, hashlib.sha1)).decode()
        with client(cells.port) as twilio:
            answer = twilio.post(_path(url), data=form, headers={"X-Twilio-Signature": proof})
            assert answer.status_code // 100 == 2, answer.text
            without = _path(url).replace(f"{cell}~", "")
            directly = f"{cells.vaults[cell].url}{without}"
            assert httpx.post(directly, data=form, headers={"X-Twilio-Signature": proof}).status_code == 401


def test_a_person_signs_in_to_one_cell(cells: Cells):
    """The cookie carries the label, so the paths of the console need none; before, the router cannot know the cell."""
    vault, page = cells.vaults["us1"], "/console/accounts/persons"
    with cells.admin("us1") as http:
        assert http.put("/v1/accounts/persons", json={"name": "persons"}).status_code == 201
    with httpx.Client(base_url=vault.url, headers={"Origin": f"https://{HOST}"}) as direct:
        done = direct.post("/console/sign-in", data={"key": cells.keys["us1"], "next": "/console"})
        assert done.status_code == 303, done.text
    cookie = done.headers["set-cookie"].partition(";")[0]
    assert cookie.startswith("__Host-console=us1~")
    with client(cells.port) as browser:
        sent = (cookie, cookie.replace("us1~", "eu1~"), "")
        asked = [browser.get(page, headers={"Cookie": one}).status_code for one in sent]
    assert asked == [200, 303, 404]


def test_a_cell_that_is_down_hurts_only_its_own(cells: Cells):
    """The other cell's accounts notice nothing; its own answer 502 or 503, and nobody else is asked in its place."""
    with cells.admin("eu1") as one, cells.admin("us1") as two:
        for http in (one, two):
            assert http.put("/v1/accounts/lasting", json={"name": "lasting"}).status_code in {200, 201}
        cells.vaults["us1"].stop()
        try:
            assert one.get("/v1/accounts/lasting").status_code == 200
            assert two.get("/v1/accounts/lasting").status_code in {502, 503}
        finally:
            cells.vaults["us1"].start()
