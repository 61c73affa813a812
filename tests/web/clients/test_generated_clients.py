"""Clients generated from the contract, without a warning, do a whole journey against a running vault."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.servers.required import go_without
from tests.support.tenant import tone
from tests.support.web_house import House
from vault.domain.events.event_schemas import example_of
from vault.domain.events.event_types import OUTWARD_TYPES

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "generate-a-client.md"
CONTRACT = ROOT / "openapi" / "openapi.yaml"
TOOLS = ROOT / ".venv-clients" / "bin"
MODULES = HERE / "typescript" / "node_modules"
AUDIO = tone(1.0)


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed; return what it printed on both streams."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def played(house: House, *command: str | Path, cwd: Path, account: str, **environment: str) -> str:
    """Run a journey against the vault; return the digest that it printed."""
    audio = cwd / "audio.wav"
    audio.write_bytes(AUDIO)
    event = cwd / "event.json"
    event.write_text(json.dumps(example_of(OUTWARD_TYPES["recording.available"])))
    return run(*command, house.url, house.key, account, audio, event, cwd=cwd, **environment).strip()


def test_a_generated_python_client_hears_what_it_sent(house: House, tmp_path: Path):
    """openapi-python-client warns of nothing, leaves out nothing, and its client does the journey."""
    if not TOOLS.exists():
        go_without("needs openapi-python-client: make client-tools")
    config = tmp_path / "generator.yaml"
    # What the page tells its reader to save, and no formatter after it.
    (told,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    config.write_text(told + "post_hooks: []\n")
    run(
        TOOLS / "openapi-python-client", "generate", "--path", CONTRACT, "--config", config,
        "--output-path", tmp_path / "client", "--fail-on-warning", cwd=tmp_path,
    )  # fmt: skip
    made = {file.stem for file in (tmp_path / "client" / "callvault_client" / "api").rglob("*.py")}
    described = house.app.openapi()["paths"].values()
    assert {one["operationId"] for methods in described for one in methods.values()} <= made
    command = (TOOLS / "python", HERE / "journey.py")
    digest = played(
        house, *command, cwd=tmp_path, account="generated-py", PYTHONPATH=str(tmp_path / "client")
    )
    assert digest == hashlib.sha256(AUDIO).hexdigest()


def test_a_generated_typescript_client_hears_what_it_sent(house: House, tmp_path: Path):
    """openapi-typescript's types compile under --strict, and their client does the journey."""
    if not MODULES.exists():
        go_without("needs Node.js 20 and openapi-typescript: make client-tools")
    for name in ("journey.ts", "package.json", "tsconfig.json"):
        shutil.copy(HERE / "typescript" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    generate = ("openapi-typescript", CONTRACT, "-o", "schema.d.ts", "--default-non-nullable=false")
    said = run(MODULES / ".bin" / generate[0], *generate[1:], cwd=tmp_path)
    assert "warn" not in said.lower()
    run(MODULES / ".bin" / "tsc", cwd=tmp_path)
    digest = played(house, "node", "journey.js", cwd=tmp_path, account="generated-ts")
    assert digest == hashlib.sha256(AUDIO).hexdigest()
