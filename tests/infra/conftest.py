"""One moto server for a test process, with every stack on it, and its switch for enforcing policies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.infra.moto_stacks import Deployed, deploy
from tests.infra.taken_out import make
from tests.servers.moto import moto_server
from vault.thread_pools import Threads


@pytest.fixture(scope="session")
def stacks(aws_credentials: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Every stack, with what moto's CloudFormation left out made through the API."""
    with moto_server(tmp_path_factory.mktemp("stacks")) as url:
        deployed = deploy(url)
        make(deployed)
        _widen(deployed)
        yield deployed


def _widen(deployed: Deployed) -> None:
    """Replace resources and conditions that moto cannot evaluate outside S3 by none, so that actions still count."""
    iam = deployed.client("iam")
    for stack, name in (("keys", "RootKeyPolicy"), ("commands", "FirstKeyPolicy")):
        arn = deployed.resources[stack][name][1]
        document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
        for statement in document["Statement"]:
            statement["Resource"] = "*"
            statement.pop("Condition", None)
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True)


@contextmanager
def enforced(deployed: Deployed) -> Iterator[None]:
    """Let moto check every signature and every policy of who asks."""
    asked = f"{deployed.url}/moto-api/reset-auth"
    plain = {"Content-Type": "text/plain"}
    httpx.post(asked, content="0", headers=plain).raise_for_status()
    try:
        yield
    finally:
        httpx.post(asked, content="inf", headers=plain).raise_for_status()


def role_credentials(deployed: Deployed, role: str) -> dict[str, str]:
    """Return credentials of a role, named by its output, as a task gets them: in boto3's environment."""
    given = deployed.client("sts").assume_role(RoleArn=deployed.outputs[role], RoleSessionName="task")
    return {
        "AWS_ACCESS_KEY_ID": given["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["Credentials"]["SessionToken"],
    }


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Threads of one store."""
    made = Threads("test", 4)
    yield made
    made.close()
