"""Two vaults side by side, on one PostgreSQL server and one object store: nothing of one is known to the other."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.servers.fleet import Fleet, Node, fleet_of
from tests.servers.postgresql import PostgresqlServer
from tests.support.tenant import WITHOUT_EVIDENCE, open_link, tone

#: Both vaults are made once.
pytestmark = pytest.mark.xdist_group("two vaults")
AUDIO = {"a": tone(0.5), "b": tone(0.5, hertz=880)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both keep what is theirs."""
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def vaults(
    folder: Path, postgresql_server: PostgresqlServer, migrated: str
) -> Iterator[dict[str, tuple[Fleet, Node]]]:
    """Two vaults, each with a database and a prefix of its own."""
    with ExitStack() as stack:
        made = {}
        for name in ("a", "b"):
            settings = {"VAULT_OBJECTS_URL": f"file://{folder}/objects/{name}"}
            url = postgresql_server.new_database(template=migrated)
            fleet = stack.enter_context(fleet_of(folder / name, url, **settings))
            (node,) = fleet.start("serve")
            made[name] = (fleet, node)
        yield made


@pytest.fixture(scope="module")
def recordings(vaults: dict[str, tuple[Fleet, Node]]) -> dict[str, tuple[httpx.Client, str]]:
    """In each the same account with the same recording, by every name that a caller chooses."""
    made = {}
    for name, (fleet, node) in vaults.items():
        http = fleet.admin(node)
        assert http.put("/v1/accounts/acme", json={"name": "acme"}).status_code == 201
        assert http.patch("/v1/accounts/acme/consent-policy", json=WITHOUT_EVIDENCE).status_code == 200
        sent = http.put("/v1/accounts/acme/calls/call-1/recordings/rec-1", content=AUDIO[name])
        assert sent.status_code == 201, sent.text
        made[name] = (http, f"/v1/accounts/acme/recordings/{sent.json()['id']}")
    for http, path in made.values():
        while http.get(path).json()["state"] != "available":
            pass
    return made


def test_each_has_its_own_recording_under_the_same_name(recordings: dict[str, tuple[httpx.Client, str]]):
    """The same account, call and recording reference; other bytes, another id."""
    (first, one), (second, two) = recordings.values()
    assert (first.get(f"{one}/audio").content, second.get(f"{two}/audio").content) == (AUDIO["a"], AUDIO["b"])
    assert (first.get(two).status_code, second.get(one).status_code) == (404, 404)


def test_keys_and_links_of_one_open_nothing_in_the_other(
    vaults: dict[str, tuple[Fleet, Node]], recordings: dict[str, tuple[httpx.Client, str]]
):
    """An API key is unknown there, and so is a link."""
    first, one = recordings["a"]
    node = vaults["b"][1]
    headers = {"Authorization": first.headers["Authorization"]}
    assert httpx.get(f"{node.url}/v1/accounts/acme", headers=headers, timeout=30).status_code == 401
    link = first.post(f"{one}/links", json={"listener": "Kim"}).json()["url"]
    path = link[link.index("/p/") :]
    with httpx.Client(base_url=node.url, timeout=30) as stranger:
        assert stranger.get(path).status_code == 404
    with httpx.Client(base_url=vaults["a"][1].url, timeout=30) as listener:
        assert open_link(listener, path).status_code == 303


def test_each_has_its_own_log(recordings: dict[str, tuple[httpx.Client, str]]):
    """Two log keys, two checkpoints."""
    (first, _), (second, _) = recordings.values()
    keys = [http.get("/v1/access-log/key").text for http in (first, second)]
    assert keys[0] != keys[1]
    assert all(re.search(r"\+[0-9a-f]{8}\+", key) for key in keys)


def test_what_one_closes_stays_open_in_the_other(recordings: dict[str, tuple[httpx.Client, str]]):
    """The recording switch of the account of the same name, and an erasure."""
    (first, one), (second, two) = recordings.values()
    assert first.put("/v1/accounts/acme/recording-switch", json={"enabled": False}).status_code == 200
    assert second.get("/v1/accounts/acme/recording-switch").json()["enabled"] is True
    assert first.delete(one).status_code == 202
    assert second.get(f"{two}/audio").content == AUDIO["b"]


def test_neither_starts_on_what_is_the_others(vaults: dict[str, tuple[Fleet, Node]], folder: Path):
    """The marker of a prefix names its vault."""
    fleet, node = vaults["a"]
    refused = node.command("worker", VAULT_OBJECTS_URL=f"file://{folder}/objects/b")
    assert refused.returncode == 2
    assert "belongs to another vault" in refused.stderr
    assert fleet.key
