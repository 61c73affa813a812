"""``callvault drill failover`` on a real pair: what it says before and after the promotion, and when it fails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.failover.requests import Door
from tests.failover.world import hosts_of, short_folder
from tests.servers.fleet import Node, fleet_of
from tests.servers.postgresql_pair import PairedServer, PostgresqlPair, postgresql_pair

pytestmark = [pytest.mark.postgresql]
_OFF = "/v1/accounts/drill-failover/recording-switch"


@contextmanager
def drilled(
    *, synchronous: bool
) -> Iterator[tuple[PostgresqlPair, Door, "subprocess.Popen[str]", list[str]]]:
    """Run a pair, a node and a drill up to the moment at which it asks for the promotion; yield what it said."""
    with (
        short_folder() as folder,
        postgresql_pair(synchronous=synchronous) as pair,
        fleet_of(folder / "f", hosts_of(pair)) as fleet,
    ):
        (node,) = fleet.start("serve")
        running = _start(node, pair, fleet.key)
        said = []
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("{"):
                continue  # A line of the log: both streams come as one.
            said.append(line)
            if line.startswith("now"):
                break
        try:
            yield pair, Door(base=node.url, key=fleet.key), running, said
        finally:
            running.kill()
            running.communicate()


def _start(node: Node, pair: PostgresqlPair, key: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "vault", "drill", "failover", "--vault", node.url, "--minutes", "1"]
    environment = node.environment | {"CALLVAULT_API_KEY": key, "VAULT_DATABASE_URL": pair.hosts()}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_synchronous_standby_passes() -> None:
    """It names both servers and timelines, and everything that it closed stands."""
    with drilled(synchronous=True) as (pair, _, running, said):
        assert f"the primary is {pair.primary.address}, timeline 00000001" in said[0]
        assert "standby: streaming, sync" in said[1]
        assert not any(line.startswith("!") for line in said)
        pair.fail_over()
        rest, _ = running.communicate(timeout=90)
        assert f"the primary is {pair.standby.address}, timeline 00000002" in rest
        assert rest.count("\nok ") == 3, rest
        assert running.returncode == 0, rest


@pytest.mark.faults
@pytest.mark.skipif(os.environ.get("CALLVAULT_FAULTS") != "1", reason="another pair: `make faults` runs it")
def test_what_is_open_again_is_said() -> None:
    """A switch that is on after the failover fails the drill; that no standby is synchronous is said before."""
    with drilled(synchronous=False) as (pair, door, running, said):
        assert any(line.startswith("!            no standby is synchronous") for line in said)
        assert door.rest("PUT", _OFF, {"enabled": True}).status == 200
        pair.catch_up()
        pair.fail_over()
        rest, _ = running.communicate(timeout=90)
        assert "BROKEN       recording is off" in rest
        assert running.returncode == 1, rest


@pytest.mark.faults
@pytest.mark.skipif(os.environ.get("CALLVAULT_FAULTS") != "1", reason="another pair: `make faults` runs it")
def test_a_new_primary_that_waits_for_a_standby_is_said() -> None:
    """Its writes wait, and the drill with them, until it needs no standby any more; then everything stands."""
    with drilled(synchronous=False) as (pair, _, running, _said):
        pair.catch_up()
        _need_standby(pair.standby, "SET synchronous_standby_names = 'none'")
        pair.fail_over()
        assert running.stdout is not None
        lines = iter(running.stdout.readline, "")
        after = [next(lines)]
        while not after[-1].startswith("waiting"):
            after.append(next(lines))
        assert any(
            "synchronous_standby_names is none, and no standby fulfils it" in line for line in after
        ), after
        _need_standby(pair.standby, "RESET synchronous_standby_names")
        rest, _ = running.communicate(timeout=90)
        assert rest.count("\nok ") == 3, rest
        assert running.returncode == 0, rest


def _need_standby(server: PairedServer, change: str) -> None:
    server.ask(f"ALTER SYSTEM {change}")
    server.ask("SELECT pg_reload_conf()")
