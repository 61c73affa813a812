"""The stacks, deployed onto moto's server as far as its CloudFormation goes.

What it does not know (bucket policies, alarms, secrets, ...) is taken out of the templates and made through the
API of its service instead, from the same properties: moto itself resolves them, as outputs of the stack.
"""

import copy
import json
from dataclasses import dataclass, field
from typing import Any

import boto3

from tests.infra.templates import STACKS, template

#: What moto 5.2 skips without a word.
UNKNOWN = {
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::MetricFilter",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::ServiceDiscovery::PrivateDnsNamespace",
    "AWS::ServiceDiscovery::Service",
    "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::Secret",
}
#: Attributes that moto does not have, each a part of the ARN: where that is split, and which part it is.
_PART_OF_ARN = {"LoadBalancerFullName": (":loadbalancer/", "1"), "TargetGroupFullName": (":", "5")}
PARAMETERS = {
    "Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/callvault:0.2.0",
    "PublicUrl": "https://vault.example.com",
    "Email": "operators@example.com",
    "OwnKeys": "arn:aws:kms:eu-central-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}


@dataclass(kw_only=True)
class Deployed:
    """All stacks on one server."""

    url: str
    certificate: str
    #: Type and physical id of every resource that came up, by stack and name.
    resources: dict[str, dict[str, tuple[str, str | None]]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    #: Type and resolved properties of what was taken out, by name.
    taken_out: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)

    def client(self, service: str, **credentials: str) -> Any:
        """Return a client of a service there."""
        return boto3.client(service, endpoint_url=self.url, **credentials)

    def task(self, family: str) -> dict[str, Any]:
        """Return a task definition."""
        described = self.client("ecs").describe_task_definition(taskDefinition=family)
        return dict(described["taskDefinition"])


def deploy(url: str) -> Deployed:
    """Deploy every stack."""
    made = boto3.client("acm", endpoint_url=url).request_certificate(DomainName="vault.example.com")
    deployed = Deployed(url=url, certificate=made["CertificateArn"])
    for stack in STACKS:
        _deploy(deployed, stack)
    return deployed


def _deploy(deployed: Deployed, stack: str) -> None:
    body = template(stack)
    out = {name: one for name, one in body["Resources"].items() if one["Type"] in UNKNOWN}
    for name, resource in out.items():
        del body["Resources"][name]
        if resource["Type"] == "AWS::SecretsManager::Secret":
            made = deployed.client("secretsmanager").create_secret(Name=f"{stack}-{name}")
            body = _with_name(body, name, made["ARN"])
        elif resource["Type"].startswith("AWS::ServiceDiscovery::"):
            body = _with_name(body, name, f"arn:aws:servicediscovery:us-east-1:123456789012:service/{name}")
    for resource in body["Resources"].values():
        if resource.get("DependsOn") in out:
            del resource["DependsOn"]
        if resource["Type"] == "AWS::RDS::DBInstance":
            # moto hands the group itself on instead of its name, and stumbles over it.
            resource["Properties"].pop("DBParameterGroupName")
    body = _without_names(body)
    asked: dict[str, Any] = {}
    for name, resource in out.items():
        deployed.taken_out[name] = (resource["Type"], _to_outputs(resource["Properties"], asked))
    outputs = body.setdefault("Outputs", {})
    outputs.update({key: {"Value": value} for key, value in asked.items()})
    cloudformation = deployed.client("cloudformation")
    given = [
        {"ParameterKey": key, "ParameterValue": value}
        for key, value in (PARAMETERS | {"Certificate": deployed.certificate}).items()
        if key in body["Parameters"]
    ]
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(body), Parameters=given)
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    assert described["StackStatus"] == "CREATE_COMPLETE"
    deployed.resources[stack] = {
        one["LogicalResourceId"]: (one["ResourceType"], one.get("PhysicalResourceId"))
        for one in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    }
    resolved = {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}
    for name in out:
        kind, properties = deployed.taken_out[name]
        deployed.taken_out[name] = (kind, _from_outputs(properties, resolved))
    deployed.outputs |= {key: value for key, value in resolved.items() if key not in asked}


def _is_function(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))


def _to_outputs(value: Any, asked: dict[str, Any]) -> Any:
    """Return the value with a mark in the place of each function, which ``asked`` then has under that mark."""
    if _is_function(value):
        mark = f"Asked{len(asked)}"
        asked[mark] = value
        return {"Asked": mark}
    if isinstance(value, dict):
        return {key: _to_outputs(one, asked) for key, one in value.items()}
    if isinstance(value, list):
        return [_to_outputs(one, asked) for one in value]
    return copy.deepcopy(value)


def _from_outputs(value: Any, resolved: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"Asked"}:
            return resolved[value["Asked"]]
        return {key: _from_outputs(one, resolved) for key, one in value.items()}
    if isinstance(value, list):
        return [_from_outputs(one, resolved) for one in value]
    return value


def _with_name(value: Any, name: str, made: str) -> Any:
    """Replace every reference to a resource by what was made in its place."""
    if value in ({"Ref": name}, {"Fn::GetAtt": [name, "Arn"]}):
        return made
    if isinstance(value, dict):
        return {key: _with_name(one, name, made) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_name(one, name, made) for one in value]
    return value.replace(f"${{{name}}}", made) if isinstance(value, str) else value


def _without_names(value: Any) -> Any:
    """Replace the attributes that moto does not have by the parts of ARNs that they are."""
    if isinstance(value, dict):
        if value.keys() == {"Fn::GetAtt"} and value["Fn::GetAtt"][1] in _PART_OF_ARN:
            name, attribute = value["Fn::GetAtt"]
            at, part = _PART_OF_ARN[attribute]
            return {"Fn::Select": [part, {"Fn::Split": [at, {"Ref": name}]}]}
        return {key: _without_names(one) for key, one in value.items()}
    return [_without_names(one) for one in value] if isinstance(value, list) else value
