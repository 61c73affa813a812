"""The alerts of retention fire by their incidents, and end with them. See ``test_alerts.py``.

A sweep is started by the command, as an operator does: the worker's own comes once an hour. What takes days is made
older behind the vault's back.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.infra.test_alerts import AUDIO, Scene, scene

pytestmark = pytest.mark.timeout(600)

POLICY = {"classes": [{"class": "quality", "purpose": "Quality", "period": "P30D"}]}
_DAY = 24 * 3600 * 1_000_000
#: More than one run may erase.
_MANY = 203


@contextmanager
def _database(vault: Scene) -> Iterator[sqlite3.Connection]:
    path = vault.server.data_dir / "vault.db"
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
        yield connection


def _sweep(vault: Scene, *, paused: bool = False) -> str:
    """Run the sweep by the command; return what it says."""
    done = vault.server.command("retention", "run")
    assert done.returncode == int(paused), done.stderr
    return done.stdout


@contextmanager
def _aged(folder: Path) -> Iterator[tuple[Scene, str]]:
    """A vault with a policy in force, whose first sweep is over, and a recording that the policy keeps for now."""
    with scene(folder) as vault:
        _sweep(vault)
        recording = vault.tenant.uploaded(AUDIO)
        http, url = vault.tenant.http, vault.tenant.url("/retention-policy")
        preview = http.post(f"{url}/preview", json=POLICY).json()
        put = http.put(url, json=POLICY, headers={"Preview-Digest": preview["digest"]})
        assert put.status_code == 200, put.text
        with _database(vault) as rows:
            rows.execute(
                "UPDATE retention_policies SET changed_at = changed_at - ?, effective_at = effective_at - ?",
                (60 * _DAY, 60 * _DAY),
            )
        assert vault.server.command("retention", "preview").returncode == 0  # It applies the policy.
        yield vault, recording


def test_a_clock_that_jumped(tmp_path: Path):
    """The sweep did not run for 27 hours, and a directory has no clock that could agree: a person says so."""
    with scene(tmp_path) as vault:
        _sweep(vault)
        past = (datetime.now(UTC) - timedelta(hours=27)).isoformat().replace("+00:00", "Z")
        with _database(vault) as rows:
            rows.execute(
                "UPDATE vault_metadata SET value = ? WHERE name = 'retention_last_run'", (past.encode(),)
            )
        assert "Paused" in _sweep(vault, paused=True)
        vault.prometheus.wait_for("CallvaultRetentionPaused")
        assert vault.server.command("retention", "resume").returncode == 0
        vault.prometheus.wait_until_over("CallvaultRetentionPaused")


def test_a_policy_by_which_more_is_due_than_one_run_may_erase(tmp_path: Path):
    """The cap is erased, and the rest waits until a key approves it; then nothing is due any more."""
    with _aged(tmp_path) as (vault, recording):
        _clone(vault, recording, _MANY)
        assert "200 erased" in _sweep(vault)
        vault.prometheus.wait_for("CallvaultRetentionCapped", "CallvaultRetentionResidue")
        (asked,) = vault.tenant.http.get(vault.tenant.url("/approvals")).json()["items"]
        approved = vault.tenant.http.post(vault.tenant.url(f"/approvals/{asked['id']}"))
        assert approved.status_code == 200, approved.text
        _sweep(vault)
        for alert in ("CallvaultRetentionCapped", "CallvaultRetentionResidue"):
            vault.prometheus.wait_until_over(alert)


def test_a_policy_that_cannot_be_read(tmp_path: Path):
    """Nothing is erased by it, so what is due stays, and that is not called done."""
    with _aged(tmp_path) as (vault, recording):
        _clone(vault, recording, 1)
        with _database(vault) as rows:
            (before,) = rows.execute("SELECT policy FROM retention_policies").fetchone()
            rows.execute("UPDATE retention_policies SET policy = '{}'")
        assert "0 erased" in _sweep(vault)
        vault.prometheus.wait_for("CallvaultRetentionResidue")
        shown = vault.tenant.http.get("/metrics").text
        assert 'callvault_retention_accounts{outcome="stalled"} 1.0' in shown
        with _database(vault) as rows:
            rows.execute("UPDATE retention_policies SET policy = ?", (before,))
        _sweep(vault)
        vault.prometheus.wait_until_over("CallvaultRetentionResidue")


def test_locks_that_the_store_does_not_show(tmp_path: Path):
    """A recording whose lock was wanted and cannot be read back, as after a permission was taken away."""
    with scene(tmp_path) as vault:
        recording = vault.tenant.uploaded(AUDIO)
        with _database(vault) as rows:
            rows.execute("UPDATE recordings SET lock_state = 'unknown' WHERE id = ?", (recording,))
        vault.prometheus.wait_for("CallvaultObjectLocksUnknown")
        with _database(vault) as rows:
            rows.execute("UPDATE recordings SET lock_state = 'none' WHERE id = ?", (recording,))
        vault.prometheus.wait_until_over("CallvaultObjectLocksUnknown")


def _clone(vault: Scene, recording: str, number: int) -> None:
    """Let this recording be due, and add others like it."""
    with _database(vault) as rows:
        rows.execute("UPDATE recordings SET act_at = ? WHERE id = ?", (50 * 365 * _DAY, recording))
        names = [row[1] for row in rows.execute("PRAGMA table_info(recordings)")]
        own = {
            "id": "printf('rec_%032x', n)",
            "recording_ref": "'due-' || n",
            "call_ref": "'due-' || n",
            "sealed_details": "NULL",
        }
        values = ", ".join(own.get(name, name) for name in names)
        rows.execute(
            f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {number}) "  # noqa: S608
            f"INSERT INTO recordings ({', '.join(names)}) SELECT {values} FROM recordings, s WHERE id = ?",
            (recording,),
        )
