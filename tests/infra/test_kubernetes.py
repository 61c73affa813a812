"""The manifests for Kubernetes: rendered by kustomize, valid by Kubernetes' own schemas, and in step with the vault."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml

from tests.servers.required import require
from tests.support.metric_catalogue import catalogue
from vault.cli.main import app
from vault.settings import read_settings
from vault.web.routes import node

FOLDER = Path(__file__).parents[2] / "infra" / "kubernetes"
#: The oldest release with `autoscaling/v2` and pod security that is still used, and the newest that the schemas know.
VERSIONS = ("1.29", kubernetes_validate.latest_version())
NODES = ("callvault-serve", "callvault-worker")


@cache
def rendered(part: str = ".") -> list[dict[str, Any]]:
    """Return what ``kustomize build`` prints."""
    require("kustomize", install="apt-get install kustomize")
    command = [shutil.which("kustomize") or "kustomize", "build", str(FOLDER / part)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def every() -> list[dict[str, Any]]:
    """Return all of both parts."""
    return rendered() + rendered("migrate")


def named(kind: str, name: str) -> dict[str, Any]:
    """Return one object."""
    (found,) = [one for one in rendered() if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """Return what pods are made of, by the name of their deployment or job."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]
        for one in every()
        if one["kind"] in {"Deployment", "Job"}
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(version: str):
    """By the schemas of its API; a field that it does not know is an error, not a word without effect."""
    for one in every():
        kubernetes_validate.validate(one, version, strict=True)
    wrong = named("Deployment", "callvault-serve")
    wrong = wrong | {"spec": wrong["spec"] | {"minReadySecond": 5}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_the_settings_are_read():
    """By the vault itself; no secret is among them."""
    settings = read_settings(named("ConfigMap", "callvault")["data"])
    assert settings.public_url == "https://vault.example.com"
    assert not [one for one in every() if one["kind"] == "Secret"]
    for pod in pods().values():
        grace = pod["spec"].get("terminationGracePeriodSeconds", 60)
        assert grace >= settings.drain_seconds + settings.stop_seconds + 10


@pytest.mark.parametrize("name", ["callvault-serve", "callvault-worker", "callvault-migrate"])
def test_the_commands_are_those_there_are(name: str):
    """With options that they take."""
    (container,) = pods()[name]["spec"]["containers"]
    command = typer.main.get_command(app)
    command.make_context("callvault", list(container["args"]), resilient_parsing=False).close()
    first, *options = container["args"]
    inner = command.get_command(None, first)  # type: ignore[attr-defined, arg-type]
    inner.make_context(first, options).close()


@pytest.mark.parametrize("name", NODES)
def test_probes_ask_what_a_node_answers(name: str):
    """At the port of its health; alive says nothing of the database, or all pods would start again with it."""
    (container,) = pods()[name]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    option = container["args"][container["args"].index("--health-port") + 1]
    assert ports["health"] == int(option)
    served = {route.path for route in node.router.routes}
    probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert all(probe["port"] == "health" and probe["path"] in served for probe in probes.values())
    assert [probe["path"] for probe in probes.values()] == ["/healthz", "/healthz", "/readyz"]


def test_every_selector_finds_its_pods():
    """Of services, budgets, deployments and network policies."""
    labels = {name: pod["metadata"]["labels"] for name, pod in pods().items()}
    for one in rendered():
        spec = one.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if selector is None:
            continue
        wanted = selector.get("matchLabels", selector)
        found = {name for name, of_pod in labels.items() if wanted.items() <= of_pod.items()}
        expected = {
            "NetworkPolicy": {*NODES, "callvault-migrate"}, "Service": {"callvault-serve"},
        }.get(one["kind"], {one["metadata"]["name"]})  # fmt: skip
        assert found == expected, (one["kind"], one["metadata"]["name"])


def test_nobody_in_a_pod_can_do_more_than_the_vault_needs():
    """No root, no capability, no writable file but memory, no token of the cluster."""
    for pod in pods().values():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"] == {
            "runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        assert [volume["emptyDir"]["medium"] for volume in spec["volumes"]] == ["Memory"]
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert "memory" in container["resources"]["limits"]


def test_workers_are_added_by_a_metric_that_there_is():
    """The autoscaler asks for what the adapter's rule makes of a metric of the vault."""
    rule = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["external"][0]
    (metric,) = named("HorizontalPodAutoscaler", "callvault-worker")["spec"]["metrics"]
    assert metric["external"]["metric"]["name"] == rule["name"]["as"]
    (series,) = re.findall(r"^(\w+)\{", rule["seriesQuery"])
    assert series in catalogue()


def test_an_upgrade_never_has_fewer_nodes_than_before():
    """Nor does a drained machine take all at once."""
    strategy = named("Deployment", "callvault-serve")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}
    for name in NODES:
        least = named("HorizontalPodAutoscaler", name)["spec"]["minReplicas"]
        assert least > named("PodDisruptionBudget", name)["spec"]["maxUnavailable"]
        assert "replicas" not in named("Deployment", name)["spec"], "An apply would undo the autoscaler."


def test_the_network_is_open_only_where_it_must_be():
    """In: http by the ingress, health by Prometheus. Out: never to the cloud's metadata address."""
    policy = named("NetworkPolicy", "callvault")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["http", "health"]
    open_blocks = [to["ipBlock"] for rule in policy["egress"] for to in rule["to"] if "ipBlock" in to]
    assert all("169.254.0.0/16" in block["except"] for block in open_blocks if block["cidr"] == "0.0.0.0/0")
