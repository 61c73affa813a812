"""The root key in a file.

Files with secrets: what somebody put in their place cannot make the vault wait.
"""

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vault.errors import StartRefused, Unavailable
from vault.keyservice import local_file
from vault.keyservice.location import open_root_key
from vault.keyservice.openbao import token_in
from vault.keyservice.plain_file import NotPlain, read_plain
from vault.thread_pools import Threads

CONTEXT = {"account_id": "acc_1", "purpose": "account-key"}
# In a process of its own, because a thread that waits in ``open`` would hold the whole run.
_READERS = {
    "root key": "from vault.keyservice.local_file import load; load(path)",
    "token": "from vault.keyservice.openbao import token_in; token_in(path)",
    "authorities": """
from vault.keyservice.location import open_root_key
from vault.thread_pools import Threads
open_root_key(f"openbao://127.0.0.1:8200/transit/k?token_file={path}&ca={path}", Threads("t", 1))
""",
}


async def test_a_loaded_key_opens_what_the_new_one_wrapped(tmp_path: Path) -> None:
    """The file alone is enough to open again what was wrapped, and it is closed to others."""
    path = tmp_path / "root.key"
    wrapped = await local_file.create(path).wrap(b"s" * 32, CONTEXT)
    assert await local_file.load(path).unwrap(wrapped, CONTEXT) == b"s" * 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    """A second create is refused and leaves the file as it was, also where the file is empty."""
    path = tmp_path / "root.key"
    local_file.create(path)
    before = path.read_bytes()
    with pytest.raises(StartRefused, match="never replaced"):
        local_file.create(path)
    assert path.read_bytes() == before
    (tmp_path / "empty.key").touch()
    with pytest.raises(StartRefused, match="never replaced"):
        local_file.create(tmp_path / "empty.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o660, 0o602])
def test_a_key_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others refuses the start and says how to take it away."""
    path = tmp_path / "root.key"
    local_file.create(path)
    path.chmod(mode)
    with pytest.raises(StartRefused, match="chmod 600"):
        local_file.load(path)
    path.chmod(0o400)
    local_file.load(path)


def test_a_missing_key_is_not_made_anew(tmp_path: Path) -> None:
    """A missing file refuses the start, names the backup, and stays missing."""
    path = tmp_path / "root.key"
    with pytest.raises(StartRefused, match="backup"):
        local_file.load(path)
    assert not path.exists()
    with pytest.raises(StartRefused):
        local_file.load(tmp_path)
    with pytest.raises(StartRefused):
        local_file.create(tmp_path / "no-folder" / "root.key")


def key_file(**changed: object) -> bytes:
    fields = {
        "format": "callvault-root-key/v1",
        "key_id": "0123456789abcdef",
        "key": base64.b64encode(b"hunter2-hunter2-hunter2-hunter2-").decode(),
    }
    return json.dumps(fields | changed).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hunter2",
        b"\xff\x00",
        b"[]",
        b"{}",
        key_file()[:-10],
        key_file(format="callvault-root-key/v2"),
        key_file(key_id="hunter2"),
        key_file(key_id=7),
        key_file(key=base64.b64encode(b"hunter2").decode()),
        key_file(key="hunter2!"),
        key_file(key=None),
    ],
)
def test_a_file_that_holds_no_key_is_refused_without_being_quoted(tmp_path: Path, content: bytes) -> None:
    """Other content refuses the start, and nothing of it is in the error or in what caused it."""
    path = tmp_path / "root.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StartRefused, match="does not hold a key") as refused:
        local_file.load(path)
    assert "hunter2" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("what", list(_READERS))
def test_a_fifo_in_the_place_of_a_secret_is_refused(tmp_path: Path, what: str) -> None:
    """It says what is wrong instead of waiting for a writer."""
    os.mkfifo(tmp_path / "fifo", 0o600)
    program = "import sys; from pathlib import Path; path = Path(sys.argv[1])\n" + _READERS[what]
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "fifo"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(("vault.errors.StartRefused", "vault.errors.Unavailable"))


def test_a_link_to_a_secret_is_followed(tmp_path: Path) -> None:
    """Kubernetes mounts secrets so; a folder is refused."""
    (tmp_path / "secret").write_text("token-of-the-agent\n")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    assert token_in(tmp_path / "link") == "token-of-the-agent"
    assert read_plain(tmp_path / "link", 5) == b"token"
    with pytest.raises(NotPlain):
        read_plain(tmp_path, 5)
    with pytest.raises(Unavailable):
        token_in(tmp_path)


def test_authorities_that_are_no_pem_are_refused(tmp_path: Path) -> None:
    """The sentence names the setting."""
    (tmp_path / "ca.pem").write_bytes(b"\xff no PEM")
    threads = Threads("test", 1)
    try:
        with pytest.raises(StartRefused, match="ca= names cannot be read as PEM"):
            open_root_key(f"openbao://bao.example/transit/k?ca={tmp_path}/ca.pem&token_file=/t", threads)
    finally:
        threads.close()
