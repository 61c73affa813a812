"""From the stacks to a vaulted call, as docs/deploy-on-aws.md goes, with every policy enforced by moto."""

from pathlib import Path

import httpx
import pytest

from tests.infra.conftest import enforced
from tests.infra.moto_stacks import Deployed
from tests.infra.tasks import Task
from tests.servers.ports import free_ports
from tests.servers.processes import is_ready, wait_until
from tests.support.tenant import Tenant, tone

AUDIO = tone(2.0)


@pytest.mark.timeout(400)
@pytest.mark.postgresql
@pytest.mark.xdist_group("stacks")
def test_the_tasks_of_the_stacks_vault_a_call(stacks: Deployed, postgresql_url: str, tmp_path: Path) -> None:
    """Migrate, make the first key, serve and work under the roles alone: a call is sealed, heard and erased."""
    roles = {"command": "Vault", "first-key": "FirstKey", "server": "Vault", "worker": "Vault"}
    migrate, first_key, server, worker = (
        Task.of(stacks, name, f"{role}RoleArn", postgresql_url, tmp_path) for name, role in roles.items()
    )
    (port,) = free_ports(1)
    log, url = tmp_path / "log", f"http://127.0.0.1:{port}"
    with enforced(stacks):
        for task in (migrate, first_key):
            ended = task.run()
            assert ended.returncode == 0, ended.stderr
        assert "cv_" not in ended.stdout + ended.stderr
    left = stacks.client("secretsmanager").get_secret_value(SecretId=stacks.outputs["FirstKeySecret"])
    headers = {"Authorization": f"Bearer {left['SecretString']}"}
    with enforced(stacks), server.start(log, "--port", str(port)) as serving, worker.start(log):
        wait_until(lambda: is_ready(f"{url}/readyz"), serving, log, 90)
        with httpx.Client(base_url=url, headers=headers, timeout=30) as admin:
            tenant = Tenant.open(admin)
            recording = tenant.uploaded(AUDIO)
            heard = admin.get(tenant.url(f"/recordings/{recording}/audio"))
            erased = admin.delete(tenant.url(f"/recordings/{recording}"))
    assert (heard.status_code, heard.content, erased.is_success) == (200, AUDIO, True), log.read_text()[
        -3000:
    ]
    listed = stacks.client("s3").list_objects_v2(Bucket=stacks.outputs["Bucket"])
    assert "vault/owner.json" in {one["Key"] for one in listed["Contents"]}
    assert written(tmp_path) == [], "the container's one writable folder is not even needed"


def written(folder: Path) -> list[Path]:
    """Return every file in the data directories."""
    return [path for path in folder.glob("*/data/**/*") if path.is_file()]
