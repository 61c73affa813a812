"""The image and the compose file: read, linted and their scripts run; nothing is built, for lack of Docker."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.tasks import ENTRY_POINT
from tests.infra.templates import ROOT, resources
from tests.servers.required import require
from vault.database.sql.postgresql_url import engine_url
from vault.settings import _KNOWN, read_settings

COMPOSE = ROOT / "infra" / "compose.yaml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PUBLIC_URL = "https://vault.example.com"
SERVICES = ("database", "migrate", "vault")


def services() -> dict[str, dict[str, Any]]:
    """Return the services of the compose file, merged as Compose merges them."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
    return loaded


def compose_config(**environment: str) -> subprocess.CompletedProcess[str]:
    """Let Compose itself read the file, as it does before it starts anything."""
    require("docker-compose", install="apt-get install --no-install-recommends docker-compose")
    command = ["docker-compose", "-f", str(COMPOSE), "--env-file", os.devnull, "config", "--quiet"]
    path = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, env=path | environment, capture_output=True, text=True, check=False)


def test_compose_takes_the_file() -> None:
    """Compose finds nothing to complain of, and asks for the one setting that has no default."""
    read = compose_config(VAULT_PUBLIC_URL=PUBLIC_URL)
    assert (read.returncode, read.stderr) == (0, "")
    without = compose_config()
    assert without.returncode != 0
    assert "VAULT_PUBLIC_URL" in without.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_do_little(name: str) -> None:
    """Each has a read-only root, no capability, no new privilege, limits, and an image of an exact version."""
    service = services()[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "logging"} <= set(service)
    # What is built here is of no release, so it has the name of none.
    exact = re.fullmatch(r"\w+:\d+(\.\d+)+(@sha256:[0-9a-f]{64})?", service["image"])
    assert exact or service["image"] == "callvault:local"
    # What a registry gives has its digest; the vault's own image is built on the operator's machine.
    assert service["image"].startswith("callvault:") or "@sha256:" in service["image"]
    assert not {"privileged", "cap_add", "network_mode", "devices"} & set(service)


def test_the_database_is_seen_by_the_vault_alone() -> None:
    """No port, an inner network without a way out, the password as a file and in no variable."""
    loaded = yaml.safe_load(COMPOSE.read_text())
    database = loaded["services"]["database"]
    assert ("ports" in database, database["networks"]) == (False, ["inside"])
    assert loaded["networks"]["inside"] == {"internal": True}
    assert database["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/database-password"
    assert [
        key for one in loaded["services"].values() for key in one["environment"] if key.endswith("PASSWORD")
    ] == []


@pytest.mark.parametrize("name", ["migrate", "vault"])
def test_the_vault_understands_its_settings(name: str) -> None:
    """The settings are known and read; the database is the one beside; only its own network is a proxy."""
    given = services()[name]["environment"] | {"VAULT_PUBLIC_URL": PUBLIC_URL}
    assert set(given) <= _KNOWN
    settings = read_settings(given)
    url, database = engine_url(settings.database_url), services()["database"]["environment"]
    assert (url.host, url.username, url.database) == (
        "database",
        database["POSTGRES_USER"],
        database["POSTGRES_DB"],
    )
    (outside,) = yaml.safe_load(COMPOSE.read_text())["networks"]["outside"]["ipam"]["config"]
    assert [str(one) for one in settings.trusted_proxies] == [outside["subnet"]]


def test_the_server_waits_for_the_schema_and_listens_to_this_machine() -> None:
    """The order is database, migrate, vault; the port is on loopback; health is asked where the server answers."""
    vault = services()["vault"]
    conditions = {name: one["condition"] for name, one in vault["depends_on"].items()}
    assert conditions == {"database": "service_healthy", "migrate": "service_completed_successfully"}
    assert vault["ports"] == ["127.0.0.1:8000:8000"]
    assert "http://127.0.0.1:8000/readyz" in vault["healthcheck"]["test"][-1]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("migrate", ["migrate"]), ("vault", ["serve", "--host", "0.0.0.0"])],
    ids=["migrate", "vault"],
)
def test_the_entry_point_hands_the_password_over(name: str, arguments: list[str], tmp_path: Path) -> None:
    """The script reads the secret into the client's variable and runs the command in its own place."""
    secret, python = tmp_path / "database-password", tmp_path / "python"
    secret.write_text("p a$s\n")
    python.write_text('#!/bin/sh\nprintf "%s|" "$PGPASSWORD" "$@"\n')
    python.chmod(0o755)
    service = services()[name]
    script = [part.replace("$$", "$") for part in (*service["entrypoint"], *service["command"])]
    script = [part.replace("/run/secrets/database-password", str(secret)) for part in script]
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run(script, env=path, capture_output=True, text=True, check=True)
    assert ran.stdout.split("|")[:-1] == ["p a$s", "-m", "vault", *arguments]
    secret.unlink()
    refused = subprocess.run(script, env=path, capture_output=True, text=True, check=False)
    assert (refused.returncode != 0, refused.stdout) == (True, ""), "without the secret nothing is started"


def instruction(name: str) -> list[str]:
    """Return what follows an instruction of the Dockerfile, for each time it stands there."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def test_the_image_is_what_tasks_and_compose_take_it_for() -> None:
    """User, volume, port and entry point of the image are those that the templates and the compose file name."""
    assert instruction("USER") == ["10001"]
    (volume,) = instruction("VOLUME")
    mounts = {
        mount["ContainerPath"]
        for task in resources("AWS::ECS::TaskDefinition").values()
        for mount in task["ContainerDefinitions"][0]["MountPoints"]
    }
    assert mounts == {volume}
    assert services()["vault"]["volumes"] == [f"vault:{volume}"]
    assert f"VAULT_DATA_DIR={volume}/data" in DOCKERFILE
    assert instruction("EXPOSE") == ["8000"]
    assert yaml.safe_load(instruction("ENTRYPOINT")[0]) == ENTRY_POINT


def test_the_image_has_the_command_by_its_name(tmp_path: Path) -> None:
    """What the Dockerfile writes runs the entry point with the arguments as they are, in its own place."""
    (script,) = re.findall(r"^RUN (printf '.*') > /opt/vault/bin/callvault", DOCKERFILE, re.MULTILINE)
    command, python = tmp_path / "callvault", tmp_path / "python"
    command.write_bytes(subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout)
    python.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    for program in (command, python):
        program.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    arguments = ["keys", "create", "--name", "two words"]
    ran = subprocess.run(["callvault", *arguments], env=path, capture_output=True, text=True, check=True)
    assert ran.stdout.split("|")[:-1] == [*ENTRY_POINT[1:], *arguments]


def test_base_images_are_pinned_by_digest() -> None:
    """A tag can be moved to another image; a digest names one. Both stages have the same."""
    stages = [one.split()[0] for one in instruction("FROM")]
    assert len(stages) == 2
    assert len(set(stages)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", stages[0])


def test_the_image_holds_the_vault_and_nothing_of_the_clone_beside() -> None:
    """One folder is copied; the settings in the image are known ones."""
    assert [line.split()[-2] for line in instruction("COPY") if "--from" not in line] == [
        "requirements.lock",
        "vault",
    ]
    assert set(re.findall(r"\bVAULT_[A-Z_]+", DOCKERFILE)) <= _KNOWN
