"""A task of the stacks, run here as a process: its command, its settings, its secrets and its role.

What is different: moto stands for S3, KMS and Secrets Manager, and PostgreSQL listens on a socket.
"""

import json
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.infra.conftest import role_credentials
from tests.infra.moto_stacks import Deployed
from tests.infra.templates import ROOT
from tests.servers.forked import Running
from tests.servers.processes import process

#: What the image runs when a task names no entry point: see the Dockerfile.
ENTRY_POINT = ["python", "-m", "vault"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task. Its role's credentials are fetched before policies are enforced, as ECS does it."""

    name: str
    command: list[str]
    environment: dict[str, str]

    @classmethod
    def of(cls, stacks: Deployed, name: str, role: str, database: str, folder: Path) -> "Task":
        """Make the task of this name out of its definition; ``role`` is the output that names its role."""
        (container,) = stacks.task(f"callvault-{name}")["containerDefinitions"]
        given = {one["name"]: one["value"] for one in container["environment"]}
        given |= {one["name"]: _secret(stacks, one["valueFrom"]) for one in container["secrets"]}
        for setting in ("VAULT_OBJECTS_URL", "VAULT_ROOT_KEY_URL"):
            given[setting] += f"&endpoint_url={stacks.url}"
        given |= {"VAULT_DATABASE_URL": database, "VAULT_DATA_DIR": str(folder / name / "data")}
        given |= {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        given |= {"AWS_ENDPOINT_URL": stacks.url, **role_credentials(stacks, role)}
        command = [*(container.get("entryPoint") or ENTRY_POINT), *container["command"]]
        return cls(name=name, command=command, environment=given)

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            self.command, env=self.environment, capture_output=True, text=True, timeout=100, check=False
        )

    def start(self, log: Path, *more: str) -> AbstractContextManager[Running]:
        """Run it to the end of the block."""
        return process([*self.command, *more], log, **self.environment)


def _secret(stacks: Deployed, value_from: str) -> str:
    """Return what ECS would put into the variable: the whole secret's ARN, then the name of a JSON value."""
    arn, name = value_from[: value_from.index(":password::")], "password"
    whole: dict[str, Any] = json.loads(
        stacks.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    )
    return str(whole[name])
