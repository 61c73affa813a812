"""A node whose synchronous standby stands still, and one whose database became a standby, seen from outside."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.servers.fleet import fleet_of
from tests.servers.postgresql_pair import postgresql_pair, wait_for

pytestmark = pytest.mark.faults
_TOGETHER = 16


def test_nobody_waits_for_a_standby_that_stands_still(tmp_path: Path) -> None:
    """Writes and the switch get their 503 with a sentence, reads their answer, and SIGTERM ends the process."""
    with postgresql_pair(synchronous=True) as pair, fleet_of(tmp_path, pair.primary.url()) as nodes:
        (node,) = nodes.start("serve")
        admin = nodes.admin(node)
        admin.put("/v1/accounts/acme", json={}).raise_for_status()
        admin.put("/v1/accounts/acme/recording-switch", json={"enabled": True}).raise_for_status()
        pair.standby.freeze()
        with ThreadPoolExecutor(_TOGETHER + 2) as threads:
            writes = [threads.submit(_open_account, admin, f"still-{n}") for n in range(_TOGETHER)]
            off = threads.submit(
                _timed, admin, "PUT", "/v1/accounts/acme/recording-switch", {"enabled": False}
            )
            time.sleep(0.5)
            reads = [_timed(admin, "GET", "/v1/accounts")]
            assert not off.done()
            reads += [_timed(admin, "GET", "/v1/accounts") for _ in range(19)]
            begun = time.monotonic()
            node.terminate()
            assert node.ended() == 0
            print(f"ended {time.monotonic() - begun:.1f} s after SIGTERM")
            ends = [one.result() for one in (*writes, off)]
        assert {status for status, _, _ in ends} == {503}
        assert any("It is not known whether this was done" in text for _, text, _ in ends)
        assert {status for status, _, _ in reads} == {200}
        longest = {name: max(s for _, _, s in of) for name, of in (("write", ends), ("read", reads))}
        print(f"longest {longest}")
        pair.standby.thaw()


def test_a_node_whose_database_became_a_standby_says_so(tmp_path: Path) -> None:
    """After a failover the old primary comes back as a standby, and the node still points at it."""
    with postgresql_pair() as pair, fleet_of(tmp_path, pair.primary.url()) as nodes:
        (node,) = nodes.start("serve")
        pair.primary.kill()
        (pair.primary.folder / "standby.signal").touch()
        pair.primary.start()
        wait_for(lambda: "This is a read-only standby." in node.ready().text)
        assert node.ready().status_code == 503
        assert nodes.admin(node).get("/v1/accounts").status_code == 503
        again = node.command("serve", "--port", "0")
        assert (again.returncode, "is a read-only standby" in again.stderr) == (2, True)
        migrated = node.command("migrate")
        assert (migrated.returncode, "is a read-only standby" in migrated.stderr) == (2, True)


def _open_account(client: httpx.Client, name: str) -> tuple[int, str, float]:
    return _timed(client, "PUT", f"/v1/accounts/{name}", {})


def _timed(client: httpx.Client, method: str, path: str, body: object = None) -> tuple[int, str, float]:
    begun = time.monotonic()
    answer = client.request(method, path, json=body)
    return answer.status_code, answer.text, time.monotonic() - begun
