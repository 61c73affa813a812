"""Files with secrets: what somebody put in their place cannot make the vault wait."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vault.errors import StartRefused, Unavailable
from vault.keyservice.location import open_root_key
from vault.keyservice.openbao import token_in
from vault.keyservice.plain_file import NotPlain, read_plain
from vault.thread_pools import Threads

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
