"""The evidence of recordings, checked by the script of the documentation: true, swapped and changed."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.servers.vault_process import VaultProcess
from tests.support.tenant import Tenant, moment, tone

PAGE = Path(__file__).parents[2] / "docs" / "check-evidence.md"


@dataclass
class Held:
    """What an auditor holds of one recording."""

    evidence: dict[str, Any]
    key: dict[str, Any]
    audio: bytes


@dataclass
class Checker:
    """The script, and a folder to run it in."""

    folder: Path

    def __call__(self, evidence: dict[str, Any], key: dict[str, Any], audio: bytes) -> tuple[int, str]:
        """Run it on three files; return its status and what it said."""
        for name, said in (("evidence.json", evidence), ("key.json", key)):
            (self.folder / name).write_text(json.dumps(said))
        (self.folder / "sealed.audio").write_bytes(audio)
        ran = subprocess.run(
            [sys.executable, "check.py", "evidence.json", "key.json", "sealed.audio"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, (ran.stdout + ran.stderr).strip().splitlines()[-1]


@pytest.fixture
def check(tmp_path: Path) -> Checker:
    """The script as the page has it."""
    script = re.search(r"```python file=check_evidence\.py\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert script is not None
    (tmp_path / "check.py").write_text(script[1])
    return Checker(tmp_path)


def recorded(tenant: Tenant, server: VaultProcess, ref: str, hertz: float) -> Held:
    """Record a call whose caller was told, and whose end was told late; return what an auditor holds."""
    begun = datetime.now(UTC) - timedelta(minutes=2)
    call = {"direction": "inbound", "from": "+14155550187", "to": "+14155550123", "started_at": moment(begun)}
    told = {"party": "caller", "event": "announced", "method": "announcement", "at": moment(begun)}
    assert tenant.http.put(tenant.url(f"/calls/{ref}"), json=call).status_code == 200
    assert tenant.http.post(tenant.url(f"/calls/{ref}/consent"), json=told).status_code == 201
    recording = tenant.uploaded(tone(1, hertz=hertz), call=ref, ref=ref)
    ended = tenant.hook("call.ended", call_ref=ref, ended_at=moment(begun + timedelta(seconds=60)))
    assert ended.json()["status"] == "noted"
    evidence = tenant.http.get(tenant.url(f"/recordings/{recording}/evidence"))
    assert evidence.status_code == 200, evidence.text
    key = json.loads(server.command("export-key", recording).stdout)
    return Held(
        evidence.json(), key, (server.data_dir / "objects" / key["objects"][0]["location"]).read_bytes()
    )


def resaid(entry: dict[str, Any], **said: Any) -> dict[str, Any]:
    """Return an entry that says something else, with a digest that fits."""
    import hashlib  # noqa: PLC0415 - only this forges

    changed = entry["said"] | said
    text = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()
    canonical = bytes.fromhex(entry["salt"]) + text
    return entry | {
        "said": changed,
        "canonical": base64.b64encode(canonical).decode(),
        "digest": hashlib.sha256(canonical).hexdigest(),
    }


Forgery = Callable[[dict[str, Any]], dict[str, Any]]
FORGERIES: dict[str, tuple[Forgery, str]] = {
    "another decision": (
        lambda e: e | {"sealed": resaid(e["sealed"], decision={"verdict": "allow"}), "chain": []},
        "The audio was sealed under other evidence.",
    ),
    "no consent": (
        lambda e: e | {"sealed": resaid(e["sealed"], consent=[])},
        "An entry is missing, strange or in the wrong place.",
    ),
    "an entry left out": (
        lambda e: e | {"chain": e["chain"][1:]},
        "An entry is missing, strange or in the wrong place.",
    ),
    "entries in another order": (
        lambda e: e | {"chain": e["chain"][::-1]},
        "An entry is missing, strange or in the wrong place.",
    ),
    "words that are not in the bytes": (
        lambda e: e | {"sealed": e["sealed"] | {"said": e["sealed"]["said"] | {"consent": []}}},
        "An entry is missing, strange or in the wrong place.",
    ),
    "a digest that does not fit": (
        lambda e: e | {"sealed": e["sealed"] | {"digest": "0" * 64}},
        "A digest is not that of its bytes.",
    ),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_evidence_is_checked_without_the_vault(admin: Any, server: VaultProcess, check: Checker) -> None:
    """The script accepts what is true; swapped evidence, swapped audio and every change are refused."""
    tenant = Tenant.open(admin, policy={})
    one, other = recorded(tenant, server, "one", 440), recorded(tenant, server, "other", 550)
    assert [entry["said"]["kind"] for entry in one.evidence["chain"]] == ["gate", "facts"]
    assert check(one.evidence, one.key, one.audio) == (
        0,
        f"{one.key['objects'][0]['bytes']} bytes under this evidence, 2 later entries",
    )
    assert check(other.evidence, one.key, one.audio) == (1, "The audio was sealed under other evidence.")
    assert check(one.evidence, one.key, other.audio)[0] == 1
    assert check(one.evidence, other.key, other.audio) == (1, "The audio was sealed under other evidence.")
    status, said = check(one.evidence, one.key, one.audio[:-1] + bytes([one.audio[-1] ^ 1]))
    assert (status, said.startswith("The audio does not open")) == (1, True)
    for name, (forge, refusal) in FORGERIES.items():
        assert check(forge(one.evidence), one.key, one.audio) == (1, refusal), name


def test_the_log_names_the_head_of_the_chain(admin: Any, server: VaultProcess) -> None:
    """The event of the gate carries the digest that the chain had then, and reading evidence is on record."""
    tenant = Tenant.open(admin, policy={})
    held = recorded(tenant, server, "one", 440)
    recording = held.evidence["recording"]
    leaf = next(e for e in tenant.events(recording) if e["type"] == "recording.available")["leaf"]
    gate = held.evidence["chain"][0]
    assert json.loads(base64.b64decode(leaf))["evidence"] == gate["digest"]
    assert "evidence.read" in tenant.types(recording)
