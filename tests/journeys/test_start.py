"""Starting: what is in the way is one sentence with the remedy, and addresses agree with one another."""

import os
import re
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.vault_process import VaultProcess
from vault.cli.main import _warn_of_other_port
from vault.database.engines.migrate import migrate_postgresql
from vault.errors import StartRefused, Unavailable
from vault.settings import DEFAULT_PUBLIC_URL, read_settings
from vault.version import VERSION

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def taken():
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["serve", "--port"], "--port"),
        (["worker", "--health-port"], "--health-port"),
        (["demo", "--once", "--port"], "--port"),
    ],
    ids=["serve", "worker", "demo"],
)
def test_a_port_in_use_is_a_sentence(taken: int, tmp_path: Path, arguments: list[str], option: str):
    """It names port and option, on a line of its own, and nothing was made in the data directory."""
    server = VaultProcess(tmp_path)
    refused = server.command(*arguments, str(taken))
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"callvault does not start: Port {taken} of 127.0.0.1 is in use")
    assert option in line
    assert refused.returncode == 2
    assert not server.data_dir.exists()


def test_an_address_of_another_machine_is_a_sentence(tmp_path: Path):
    """192.0.2.1 is nobody's (RFC 5737)."""
    refused = VaultProcess(tmp_path).command("serve", "--host", "192.0.2.1")
    assert "192.0.2.1 cannot be listened on" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.returncode == 2


def test_the_public_url_follows_the_port():
    """Unless it is set; an empty variable is not."""
    assert read_settings({}, port=9000).public_url == "http://127.0.0.1:9000"
    # 0 lets the system choose one.
    assert read_settings({}, port=0).public_url == DEFAULT_PUBLIC_URL
    assert read_settings({"VAULT_PUBLIC_URL": ""}).public_url == DEFAULT_PUBLIC_URL
    url = "https://vault.example"
    assert read_settings({"VAULT_PUBLIC_URL": f"{url}/"}, port=9000).public_url == url


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://127.0.0.1:{port}", False),
        ("http://[::1]:{port}", False),
        ("https://vault.example", False),
    ],
)
def test_a_loopback_url_with_another_port_is_told_of(
    url: str, *, warned: bool, caplog: pytest.LogCaptureFixture
):
    """In one line; a name that a proxy answers to is none of it."""
    with caplog.at_level("WARNING"):
        _warn_of_other_port(read_settings({"VAULT_PUBLIC_URL": url.format(port=9000)}), 9000)
    assert [record.getMessage() for record in caplog.records] == ["serve.other_port"] * warned


def test_a_proxy_may_listen_on_another_port(caplog: pytest.LogCaptureFixture):
    """Where one is named, a loopback URL is its own, so nothing is told of."""
    settings = read_settings(
        {"VAULT_PUBLIC_URL": "http://127.0.0.1:1", "VAULT_TRUSTED_PROXIES": "127.0.0.1/32"}
    )
    with caplog.at_level("WARNING"):
        _warn_of_other_port(settings, 9000)
    assert caplog.records == []


@pytest.mark.parametrize("path", ["/vault", "//x", "/a/b/"])
def test_a_public_url_with_a_path_is_refused(path: str):
    """Every page and form begins at the root, so links below a path would lead nowhere."""
    with pytest.raises(StartRefused, match="must not have a path"):
        read_settings({"VAULT_PUBLIC_URL": f"https://vault.example{path}"})


@pytest.mark.parametrize("port", ["99999", "0", "x"])
def test_a_public_url_with_no_port_that_can_be_is_refused(port: str):
    """Ports go to 65535."""
    with pytest.raises(StartRefused, match="VAULT_PUBLIC_URL"):
        read_settings({"VAULT_PUBLIC_URL": f"https://vault.example:{port}"})


@pytest.mark.parametrize("name", ["VAULT_WORKERS", "VAULT_DESCRIBERS"])
@pytest.mark.parametrize("value", ["9" * 5000, "65", "0", "-1", "\u0663", "1 "], ids=range(6))
def test_a_number_of_workers_that_cannot_be_is_refused(name: str, value: str):
    """Also one of more digits than Python turns into a number."""
    with pytest.raises(StartRefused, match=f"{name} must be an integer from 1 to 64"):
        read_settings({name: value})


def test_a_describer_for_each_core_is_the_default(monkeypatch: pytest.MonkeyPatch):
    """Of those that the process may use; a machine of many cores still has a number that is allowed."""
    for cores, describers in ((3, 3), (200, 64)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=cores: set(range(n)))
        assert read_settings({}).describers == describers
    assert read_settings({"VAULT_DESCRIBERS": "7"}).describers == 7


@pytest.mark.parametrize(
    "value",
    ["50", "rate=1", "queue=", "queue=0", "queue=-1", "queue=1.5", "queue=" + "9" * 5000, "queue=\u0663"],
)
@pytest.mark.parametrize("name", ["VAULT_ACCOUNT_LIMITS", "VAULT_ACCOUNT_LIMITS_MAX"])
def test_limits_that_cannot_be_are_refused(name: str, value: str):
    """The error names the setting, the form and the names."""
    with pytest.raises(
        StartRefused, match=rf"{name} must be a .*requests_per_second, bytes_in_flight, queue"
    ):
        read_settings({name: value})


def test_a_ceiling_is_never_below_the_default():
    """By default it is ten times as high."""
    settings = read_settings({"VAULT_ACCOUNT_LIMITS": "queue=7, requests_per_second=30"})
    assert (settings.account_limits.queue, settings.account_limits_max.queue) == (7, 70)
    assert settings.account_limits.bytes_in_flight == 1024**3
    with pytest.raises(StartRefused, match="lower than VAULT_ACCOUNT_LIMITS: queue"):
        read_settings({"VAULT_ACCOUNT_LIMITS_MAX": "queue=99999"})
    for value in ("0", "-1", "x", "9" * 5000):
        with pytest.raises(StartRefused, match="VAULT_QUEUE must be an integer"):
            read_settings({"VAULT_QUEUE": value})


def test_empty_variables_are_as_good_as_none():
    """Compose sets a variable that is not given to nothing."""
    names = (
        "WORKERS",
        "LOG_LEVEL",
        "DATA_DIR",
        "OBJECTS_URL",
        "DRAIN_SECONDS",
        "TRACING_URL",
        "OWN_KEYS_URL",
    )
    assert read_settings({f"VAULT_{name}": "" for name in names}) == read_settings({})


def test_the_version_is_that_of_the_package(tmp_path: Path):
    """What the command says is what the module says, which pyproject.toml reads."""
    assert VaultProcess(tmp_path).command("--version").stdout.startswith(f"callvault {VERSION}")


def test_the_name_of_the_command_may_stand_behind_the_entry_point(tmp_path: Path):
    """``docker run IMAGE callvault rules show`` is what people write."""
    shown = VaultProcess(tmp_path).command("callvault", "rules", "show", "FR")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Rule book" in shown.stdout


def test_a_new_data_directory_is_set_up_without_a_word(tmp_path: Path):
    """Standard error tells of what is wrong, and migrations of an empty database are not."""
    made = VaultProcess(tmp_path).command("keys", "create", "--name", "first", "--scopes", "*")
    assert (made.returncode, made.stderr) == (0, "")


@pytest.mark.parametrize("below", ["", "/below"])
def test_a_file_in_the_place_of_the_data_directory_is_a_sentence(tmp_path: Path, below: str):
    """It says that it is one."""
    (tmp_path / "file").touch()
    settings = {"VAULT_DATA_DIR": f"{tmp_path}/file{below}"}
    refused = VaultProcess(tmp_path).command("keys", "create", "--name", "n", "--scopes", "*", **settings)
    assert "should be a directory" in refused.stderr
    assert refused.returncode == 2


def test_a_media_host_without_port_names_the_variable(tmp_path: Path):
    """And the entry."""
    refused = VaultProcess(tmp_path).command(
        "keys", "create", "--name", "n", "--scopes", "*", VAULT_MEDIA_ALLOW="a:1,127.0.0.1"
    )
    assert "VAULT_MEDIA_ALLOW" in refused.stderr
    assert "'127.0.0.1'" in refused.stderr
    assert refused.returncode == 2


def test_too_few_open_files_are_a_sentence(tmp_path: Path):
    """A describer's child alone needs 64."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    code = (
        "import resource; from vault.cli.main import main; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)); main()"
    )
    server = VaultProcess(tmp_path)
    refused = subprocess.run(
        [sys.executable, "-c", code, "serve", "--port", str(server.port)],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
    assert "may open only 40 files" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.returncode == 2


def test_a_database_that_does_not_answer_is_named():
    """With the host and the reason, and without user and password."""
    with pytest.raises(Unavailable) as caught:
        migrate_postgresql("postgresql://robin:pass-word@127.0.0.1:9/vault")
    assert "127.0.0.1 port 9" in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert not re.search("robin|pass-word", str(caught.value))
