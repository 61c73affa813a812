"""A process that is killed while keys are wrapped again: the next one goes on, and nothing stays behind."""

import asyncio
import random
from pathlib import Path

import pytest

from bench.rotation import seed
from tests.faults.inside import inside, rows
from tests.faults.promises import check_promises
from tests.faults.running_out import let_everything_run_out
from tests.faults.server import MortalVault
from tests.support.counts import count
from tests.support.telephone_audio import wav
from vault.domain.stored.manifest import decode_manifest
from vault.tlog.key_statement import open_statement
from vault.tlog.note import parse_verifier

# A crash at each write is tried without processes too: tests/services/key_rotation/test_rotation_races.py.
pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900),
]

_BODY = wav(8044, 1)
_REAL = 3


async def seeded(server: MortalVault, like: str, account_id: str, total: int) -> None:
    """Add rows as releases without month keys wrote them to the database of a stopped server, like a recording's."""
    async with inside(server) as opened:
        key = await opened.ring.current(account_id)
        await seed(opened.database, like, key, account_id, total, due=True)


async def test_a_kill_while_keys_are_wrapped_anew_costs_nothing(folder: Path) -> None:
    """After kills at random moments each row and manifest names a month key under the new version; the audio opens."""
    total = count("recordings whose keys are wrapped anew under kills", small=400, full=5000)
    kills = count("kills while keys are wrapped anew", small=2, full=40)
    chance = random.Random(20261124)  # noqa: S311 - the same again
    server = MortalVault(folder)
    client = server.new_client()
    server.start()
    try:
        client.open_account()
        real = [client.put(f"real-{n}", _BODY, len(_BODY)).json["id"] for n in range(_REAL)]
        for one in real:
            client.wait_for(one)
        account_id = client.rest("GET", client.home).json["id"]
        server.stop()
        await seeded(server, real[0], account_id, total)
        server.start()
        assert client.rest("POST", f"{client.home}/key-rotation").status == 202
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0, 0.5))
            server.kill()
            let_everything_run_out(server.database)
            server.start()
            assert client.audio(real[0]).body == _BODY
        done = server.command("rotate", client.account, patience=600)
        assert done.returncode == 0, done.stderr
        key = parse_verifier(client.rest("GET", "/v1/access-log/key").body.decode().strip())
        assert open_statement(done.stdout.encode(), [key]).recordings == 0
        (rotation,) = client.rest("GET", f"{client.home}/key-rotation").json["before"]
        (months,) = rows(server, "SELECT count(*) AS there FROM month_keys WHERE number = 1")
        assert rotation["rewrapped"] == total + months["there"]
        assert [client.audio(one).body for one in real] == [_BODY] * _REAL
    finally:
        server.stop()
    found = {
        tuple(row) for row in rows(server, "SELECT month_key IS NULL, manifest_key_version FROM recordings")
    }
    assert found == {(0, None)}
    assert {row["key_version"] for row in rows(server, "SELECT key_version FROM month_keys")} == {2}
    manifests = [path.read_bytes() for path in (server.data_dir / "objects" / "manifests").rglob("*.json")]
    assert len(manifests) == total + _REAL
    assert all(decode_manifest(one).keys.month_key for one in manifests)
    # The rows that were only seeded have no audio to open.
    check_promises(server, told=real, sounds=[_BODY[-48:]], audible=False)
