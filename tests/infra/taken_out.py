"""What moto's CloudFormation leaves out, made through the APIs of the services from the same properties."""

import json
from typing import Any

from tests.infra.moto_stacks import Deployed
from tests.infra.templates import template


def make(deployed: Deployed) -> None:
    """Make it all, but for the bucket policies: moto refuses everything under a Deny with a condition."""
    for name, (kind, properties) in deployed.taken_out.items():
        if kind == "AWS::CloudWatch::Alarm":
            # CloudFormation's parameters are text, also where the service wants a number.
            numbers = {"Threshold": float(properties["Threshold"])}
            deployed.client("cloudwatch").put_metric_alarm(AlarmName=name, **(properties | numbers))
        elif kind == "AWS::Logs::MetricFilter":
            _make_filter(deployed, name, properties)
        elif kind == "AWS::SNS::Subscription":
            deployed.client("sns").subscribe(**properties)
        elif kind == "AWS::SNS::TopicPolicy":
            deployed.client("sns").set_topic_attributes(
                TopicArn=properties["Topics"][0],
                AttributeName="Policy",
                AttributeValue=json.dumps(properties["PolicyDocument"]),
            )
        elif kind == "AWS::SecretsManager::Secret" and "GenerateSecretString" in properties:
            _fill(deployed, name, properties["GenerateSecretString"])
    for name in ("Recordings", "BucketLogs"):
        finish_bucket(deployed.client("s3"), deployed.resources["storage"][name][1] or "", name)


def finish_bucket(s3: Any, bucket: str, name: str) -> None:
    """Give a bucket what its template says beyond the name and the encryption."""
    properties = template("storage")["Resources"][name]["Properties"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"])
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=properties["OwnershipControls"])
    s3.put_public_access_block(
        Bucket=bucket, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
    )
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": lifecycle_rules(properties)}
    )


def lifecycle_rules(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Return lifecycle rules as the API spells them."""
    days = template("storage")["Parameters"]["NoncurrentDays"]["Default"]
    rules = []
    for rule in properties["LifecycleConfiguration"]["Rules"]:
        made = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": ""}}
        expiration = {}
        if "ExpirationInDays" in rule:
            expiration["Days"] = rule["ExpirationInDays"]
        if rule.get("ExpiredObjectDeleteMarker"):
            expiration["ExpiredObjectDeleteMarker"] = True
        if expiration:
            made["Expiration"] = expiration
        if "NoncurrentVersionExpiration" in rule:
            kept = rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            made["NoncurrentVersionExpiration"] = {
                "NoncurrentDays": days if kept == {"Ref": "NoncurrentDays"} else kept
            }
        if "AbortIncompleteMultipartUpload" in rule:
            made["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
        rules.append(made)
    return rules


def _make_filter(deployed: Deployed, name: str, properties: dict[str, Any]) -> None:
    transformations = [
        {key[0].lower() + key[1:]: value for key, value in one.items()}
        for one in properties["MetricTransformations"]
    ]
    deployed.client("logs").put_metric_filter(
        logGroupName=properties["LogGroupName"],
        filterName=name,
        filterPattern=properties["FilterPattern"],
        metricTransformations=transformations,
    )


def _fill(deployed: Deployed, name: str, wanted: dict[str, Any]) -> None:
    """Fill a secret as CloudFormation does: a random password in the place that the template names."""
    secrets = deployed.client("secretsmanager")
    made = secrets.get_random_password(
        PasswordLength=wanted["PasswordLength"], ExcludePunctuation=wanted["ExcludePunctuation"]
    )
    whole = json.loads(wanted["SecretStringTemplate"]) | {wanted["GenerateStringKey"]: made["RandomPassword"]}
    secrets.put_secret_value(SecretId=f"database-{name}", SecretString=json.dumps(whole))
