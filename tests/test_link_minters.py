"""The examples that sign links: what each language has made opens, and what each that is installed makes plays."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers.required import require
from tests.servers.vault_process import VaultProcess, vault_process
from tests.support.link_keys import register
from tests.support.link_minter import Minter
from tests.support.tenant import Tenant, open_link, tone
from vault.domain.playback.signed_token import read_claims, read_form

ROOT = Path(__file__).parents[1]
MINTERS = ROOT / "examples" / "links"
#: One token of each minter, under the key whose private bytes are 0 to 31. Each line is a language and a token.
GOLDEN = [line.split() for line in (ROOT / "tests" / "golden" / "signed_links.txt").read_text().splitlines()]
#: ``-I`` would hide the packages of the user; the script needs cryptography.
COMMANDS = {
    "mint.go": ["go", "run"], "Mint.java": ["java"], "mint.mjs": ["node"], "mint.php": ["php"],
    "mint.py": [sys.executable], "mint.rb": ["ruby"], "mint.sh": ["sh"],
}  # fmt: skip
#: What every machine of the tests has. The other languages run where they are installed.
ALWAYS = {"mint.py": "", "mint.mjs": "apt-get install nodejs", "mint.sh": "apt-get install openssl"}
RUN_HERE = [name for name, command in COMMANDS.items() if name in ALWAYS or shutil.which(command[0])]
AUDIO = tone(0.5)


def test_every_language_has_a_golden_token() -> None:
    """A new minter comes with a token that it has made."""
    assert {path.name for path in MINTERS.iterdir()} == set(COMMANDS)
    assert [name for name, _ in GOLDEN] == ["Go", "Java", "JavaScript", "PHP", "Python", "Ruby", "shell"]


@pytest.mark.parametrize(("language", "token"), GOLDEN, ids=[name for name, _ in GOLDEN])
def test_a_golden_token_is_read(language: str, token: str) -> None:
    """The strict reader takes what each language's own libraries write."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    text = read_form(token)
    key.verify(text.signature, text.signed)
    found = read_claims(
        text, audiences=["https://vault.example"], now=datetime.now(UTC) + timedelta(days=36500)
    )
    assert (found.recording_id, found.listener) == ("rec_" + "ab" * 16, "agent-7"), language
    assert found.expires_at - found.minted_at == timedelta(minutes=5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultProcess]:
    """A server for the minters."""
    with vault_process(tmp_path_factory.mktemp("minters")) as server:
        yield server


@pytest.mark.parametrize("name", RUN_HERE)
def test_what_a_minter_prints_plays(server: VaultProcess, tmp_path: Path, name: str) -> None:
    """The link that it prints opens a session, and the session plays the recording."""
    if ALWAYS.get(name):
        require("node" if name == "mint.mjs" else "openssl", install=ALWAYS[name])
    private = Ed25519PrivateKey.generate()
    key_file = tmp_path / "key.pem"
    key_file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    admin = {"Authorization": f"Bearer {server.create_key()}"}
    with (
        httpx.Client(base_url=server.url, headers=admin) as http,
        httpx.Client(base_url=server.url) as browser,
    ):
        tenant = Tenant.open(http)
        recording = tenant.uploaded(AUDIO)
        minter = register(tenant, Minter(private=private))
        done = subprocess.run(
            [*COMMANDS[name], MINTERS / name, key_file, minter.key_id, server.url, recording, "agent-7"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        opened = open_link(browser, done.stdout.strip(), nonce="n")
        assert opened.status_code == 303, done.stdout
        assert browser.get(f"{opened.headers['location']}/audio").content == AUDIO
