"""The stacks on moto's server: what comes up, and that what came up fits together."""

import json
from typing import Any

import pytest

from tests.infra.moto_stacks import UNKNOWN, Deployed
from tests.infra.templates import ROOT, STACKS, template
from vault.database.sql.postgresql_url import engine_url
from vault.keyservice.location import parse_location as root_key_location
from vault.objects.location import parse_location as objects_location
from vault.settings import _KNOWN, read_settings

pytestmark = pytest.mark.xdist_group("stacks")

#: What must come up, by stack. The rest of a template is made through the API: see tests/infra/taken_out.py.
MUST_COME_UP = {
    "keys": "FirstKeyRole OperationsKey OwnKeysPolicy RootKey RootKeyAlias RootKeyPolicy VaultRole",
    "storage": "BucketLogs Image Recordings VaultStorage",
    "network": (
        "DatabaseGroup FlowRecords FlowRecordsRole Internet InternetAttachment LoadBalancerGroup "
        "LoadBalancerToVault MonitoringGroup MonitoringToVault Network NetworkFlows ObjectStore Outward "
        "OutwardAddress OutwardRoute PrivateA PrivateB PrivateRoutes PrivateRoutesA PrivateRoutesB PublicA "
        "PublicB PublicRoutes PublicRoutesA PublicRoutesB ToTheInternet VaultGroup VaultToDatabase"
    ),
    "database": "Database MonitoringRole Parameters Subnets",
    "commands": "Cluster Command FirstKeyPolicy FirstKeyTask Logs StartRole",
    "service": "Http Https LoadBalancer NoMetrics Server ServerTask Target Worker WorkerTask",
    "alarms": "RootKeyInDanger Topic",
}
#: What moto leaves out, by stack.
TAKEN_OUT = {
    "keys": "",
    "storage": "BucketLogsPolicy RecordingsPolicy",
    "network": "Names",
    "database": "Password",
    "commands": "FirstKey",
    "service": "ServerName WorkerName",
    "alarms": (
        "AudioMissing AudioMissingLines DatabaseBusy DatabaseCrowded DatabaseFull ErrorLines Errors LogForked "
        "LogForkedLines Missed MissedLines NoServer NoWorker NotReached NotReady NotServed ReadBackFailed "
        "ReadBackFailedLines Reader RecoveryBegun RecoveryBegunLines StoreWentBack StoreWentBackLines Tampered "
        "TamperedLines TopicPolicy"
    ),
}
TASKS = ("callvault-command", "callvault-first-key", "callvault-server", "callvault-worker")


@pytest.mark.parametrize("stack", STACKS)
def test_what_must_come_up_comes_up(stacks: Deployed, stack: str) -> None:
    """Every resource of a template came up by CloudFormation or is named as taken out of it."""
    came_up = {name: kind for name, (kind, _) in stacks.resources[stack].items()}
    assert sorted(came_up) == MUST_COME_UP[stack].split()
    written = {name: one["Type"] for name, one in template(stack)["Resources"].items()}
    taken_out = {name: kind for name, kind in written.items() if kind in UNKNOWN}
    assert sorted(taken_out) == TAKEN_OUT[stack].split()
    assert came_up | taken_out == written


def container(stacks: Deployed, family: str) -> dict[str, Any]:
    """Return the one container of a task."""
    (one,) = stacks.task(family)["containerDefinitions"]
    return dict(one)


def environment(stacks: Deployed, family: str) -> dict[str, str]:
    """Return the environment of a task's container, without its secrets."""
    return {one["name"]: one["value"] for one in container(stacks, family)["environment"]}


@pytest.mark.parametrize("family", TASKS)
def test_the_vault_understands_its_settings(stacks: Deployed, family: str) -> None:
    """Each task's settings are known, are read without complaint, and name the resources of the stacks."""
    given = environment(stacks, family)
    named = {name for name in given if name.startswith("VAULT_")}
    assert named <= _KNOWN
    settings = read_settings(given)
    assert settings.public_url == "https://vault.example.com"
    objects = objects_location(settings.objects_url)
    assert (objects.bucket, objects.prefix, objects.region) == (
        stacks.outputs["Bucket"],
        "vault/",
        "us-east-1",
    )
    key = root_key_location(settings.root_key_url)
    assert (key.key_id, key.region) == (stacks.outputs["RootKeyId"], "us-east-1")
    database = engine_url(settings.database_url)
    assert (database.username, database.port, database.database) == ("vault", 5432, "vault")
    assert dict(database.query) == {"sslmode": "verify-full", "sslrootcert": "/etc/ssl/rds.pem"}
    secret = f"{stacks.outputs['DatabaseSecret']}:password::"
    assert container(stacks, family)["secrets"] == [{"name": "PGPASSWORD", "valueFrom": secret}]


def test_only_the_server_believes_proxies_and_those_are_the_load_balancer(stacks: Deployed) -> None:
    """The trusted networks are the two subnets in which the load balancer lives."""
    trusted = [read_settings(environment(stacks, family)).trusted_proxies for family in TASKS]
    assert [len(one) for one in trusted] == [0, 0, 2, 0]
    ec2, ids = stacks.client("ec2"), [stacks.outputs["PublicA"], stacks.outputs["PublicB"]]
    found = ec2.describe_subnets(SubnetIds=ids)["Subnets"]
    assert sorted(map(str, trusted[2])) == sorted(one["CidrBlock"] for one in found)


@pytest.mark.parametrize("family", TASKS)
def test_a_container_can_do_little(stacks: Deployed, family: str) -> None:
    """Not root, nothing writable but the data directory, no capability; the same image everywhere."""
    one = container(stacks, family)
    assert (one["user"], one["readonlyRootFilesystem"]) == ("10001", True)
    assert one["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
    assert not one.get("privileged")
    assert [mount["containerPath"] for mount in one["mountPoints"]] == ["/var/lib/vault"]
    assert one["image"] == container(stacks, TASKS[0])["image"]


def reached_by(stacks: Deployed, group: str) -> set[tuple[int, str]]:
    """Return who may reach a group, as (port, group or network)."""
    ec2 = stacks.client("ec2")
    (found,) = ec2.describe_security_groups(GroupIds=[stacks.outputs[group]])["SecurityGroups"]
    return {
        (permission["FromPort"], end.get("GroupId") or end["CidrIp"])
        for permission in found["IpPermissions"]
        for end in (*permission["UserIdGroupPairs"], *permission["IpRanges"])
    }


def test_who_may_talk_to_whom(stacks: Deployed) -> None:
    """The world reaches the load balancer, that the vault, that the database; only the vault goes outside."""
    assert reached_by(stacks, "LoadBalancerGroup") == {(443, "0.0.0.0/0"), (80, "0.0.0.0/0")}
    assert reached_by(stacks, "VaultGroup") == {
        (8000, stacks.outputs["LoadBalancerGroup"]),
        (8000, stacks.outputs["MonitoringGroup"]),
    }
    assert reached_by(stacks, "DatabaseGroup") == {(5432, stacks.outputs["VaultGroup"])}
    # moto keeps its default rule for the way out, so this is read from the template.
    out = {
        name: [(one["FromPort"], one.get("CidrIp") or one["DestinationSecurityGroupId"]) for one in listed]
        for name, resource in template("network")["Resources"].items()
        if (listed := resource.get("Properties", {}).get("SecurityGroupEgress"))
    }
    assert out == {
        "LoadBalancerGroup": [(8000, {"Ref": "VaultGroup"})],
        "VaultGroup": [(443, "0.0.0.0/0"), (5432, {"Ref": "DatabaseGroup"})],
        "MonitoringGroup": [(8000, {"Ref": "VaultGroup"})],
        "DatabaseGroup": [(443, "127.0.0.1/32")],
    }


def test_the_load_balancer_speaks_https_and_keeps_the_figures_inside(stacks: Deployed) -> None:
    """Port 80 redirects, 443 forwards to what is ready, and /metrics is not there."""
    elb = stacks.client("elbv2")
    (balancer,) = elb.describe_load_balancers()["LoadBalancers"]
    listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    by_port = {one["Port"]: one for one in listeners}
    assert by_port[80]["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"
    assert by_port[443]["DefaultActions"][0]["Type"] == "forward"
    assert by_port[443]["Certificates"][0]["CertificateArn"] == stacks.certificate
    first = elb.describe_rules(ListenerArn=by_port[443]["ListenerArn"])["Rules"][0]
    assert (first["Conditions"][0]["Values"], first["Actions"][0]["Type"]) == (["/metrics"], "fixed-response")
    (group,) = elb.describe_target_groups()["TargetGroups"]
    assert (group["HealthCheckPath"], group["Port"], group["TargetType"]) == ("/readyz", 8000, "ip")


def test_the_database_is_private_encrypted_and_cannot_be_deleted(stacks: Deployed) -> None:
    """What came up and what its parameters say: encrypted, not public, protected, over TLS only."""
    (found,) = stacks.client("rds").describe_db_instances()["DBInstances"]
    assert (found["Engine"], found["EngineVersion"], found["StorageEncrypted"]) == ("postgres", "17.11", True)
    properties = template("database")["Resources"]["Database"]["Properties"]
    assert (properties["PubliclyAccessible"], properties["DeletionProtection"]) == (False, True)
    parameters = template("database")["Resources"]["Parameters"]["Properties"]["Parameters"]
    assert parameters["rds.force_ssl"] == "1"


def test_the_bucket_has_what_its_template_says(stacks: Deployed) -> None:
    """Versioned, closed to the public, encrypted, and unfinished uploads and overwritten versions go."""
    s3, bucket = stacks.client("s3"), stacks.outputs["Bucket"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    lifecycle = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert lifecycle[0]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert lifecycle[1]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 35}
    assert [one for one in lifecycle if "Days" in one.get("Expiration", {})] == [], (
        "recordings never expire here"
    )


def test_object_lock_is_a_choice() -> None:
    """With LockDays the bucket is made for locks and the vault told; a default rule never comes."""
    storage = template("storage")
    properties = storage["Resources"]["Recordings"]["Properties"]
    assert storage["Conditions"]["Lock"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "LockDays"}, 0]}]}
    assert properties["ObjectLockEnabled"] == {"Fn::If": ["Lock", True, {"Ref": "AWS::NoValue"}]}
    assert "ObjectLockConfiguration" not in properties
    _, parts = storage["Outputs"]["ObjectsUrl"]["Value"]["Fn::Sub"]
    _, added, none = parts["Locked"]["Fn::If"]
    url = "s3://bucket/vault?region=eu-central-1"
    assert objects_location(url + added["Fn::Sub"].replace("${LockDays}", "365")).lock_days == 365
    assert objects_location(url + none).lock_days == 0


@pytest.mark.parametrize("stack", STACKS)
def test_what_holds_data_outlives_its_stack(stack: str) -> None:
    """Keys and buckets are retained, the database leaves a snapshot."""
    kept = {"AWS::S3::Bucket": "Retain", "AWS::KMS::Key": "Retain", "AWS::RDS::DBInstance": "Snapshot"}
    for name, resource in template(stack)["Resources"].items():
        expected = kept.get(resource["Type"])
        assert (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) == (
            expected,
            expected,
        ), name


@pytest.mark.parametrize("stack", STACKS)
def test_a_policy_names_its_actions(stack: str) -> None:
    """No role's policy allows by a wildcard in its actions, and "*" as resource stands where AWS knows no other."""
    for name, resource in template(stack)["Resources"].items():
        if resource["Type"] not in {"AWS::IAM::ManagedPolicy", "AWS::IAM::Role"}:
            continue
        properties = resource["Properties"]
        documents = [properties[key] for key in ("PolicyDocument",) if key in properties]
        documents += [one["PolicyDocument"] for one in properties.get("Policies", [])]
        for statement in (one for document in documents for one in document["Statement"]):
            assert "*" not in json.dumps(statement["Action"]), name
            everywhere = statement["Resource"] == "*"
            assert not everywhere or statement["Action"] == "ecr:GetAuthorizationToken", name


@pytest.mark.parametrize("name", ["server", "worker"])
def test_a_task_is_asked_where_it_answers_and_given_time_to_end(stacks: Deployed, name: str) -> None:
    """The health check asks a port that the command opens, and the end comes after the vault's own patience."""
    one = container(stacks, f"callvault-{name}")
    port = one["command"][one["command"].index("--health-port") + 1] if name == "worker" else "8000"
    assert f"http://127.0.0.1:{port}/healthz" in one["healthCheck"]["command"][-1]
    settings = read_settings(environment(stacks, f"callvault-{name}"))
    assert one["stopTimeout"] > settings.drain_seconds + settings.stop_seconds


def test_monitoring_reaches_servers_and_workers_by_name(stacks: Deployed) -> None:
    """Both listen for it, its group may reach their ports, and Prometheus' example has the names of their tasks."""
    worker = container(stacks, "callvault-worker")["command"]
    assert worker[worker.index("--health-host") + 1] == "0.0.0.0"
    ingress = template("network")["Resources"]["MonitoringToVault"]["Properties"]
    assert (ingress["FromPort"], ingress["ToPort"]) == (8000, 8001)
    written = template("service")["Resources"]
    namespace = template("network")["Resources"]["Names"]["Properties"]["Name"]["Fn::Sub"]
    example = (ROOT / "infra" / "prometheus.yml").read_text()
    for service, port in (("Server", 8000), ("Worker", 8001)):
        registry = written[service]["Properties"]["ServiceRegistries"]
        assert registry == [{"RegistryArn": {"Fn::GetAtt": [f"{service}Name", "Arn"]}}]
        name = (
            f"{written[f'{service}Name']['Properties']['Name']}.{namespace.replace('${Name}', 'callvault')}"
        )
        assert f"names: [{name}], type: A, port: {port}" in example
