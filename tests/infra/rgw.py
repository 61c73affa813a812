"""The Ceph gateway as a stand-in for S3 with IAM: a bucket's owner, and a user with a policy and nothing else."""

import copy
import json
import secrets
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

import boto3
import httpx
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.infra.taken_out import lifecycle_rules
from tests.infra.templates import template
from tests.servers.fixtures import ACCESS_KEY, SECRET_KEY


@dataclass(kw_only=True)
class TheOwner:
    """Who made the bucket, and may make users."""

    url: str
    bucket: str
    s3: Any

    @classmethod
    def of_new_bucket(cls, url: str) -> Self:
        """Make a bucket with the versions, lifecycle and public access block of the template.

        ``BlockPublicAcls`` is left out: the gateway then refuses every object that is put.
        """
        properties = template("storage")["Resources"]["Recordings"]["Properties"]
        s3, bucket = boto3.client("s3", endpoint_url=url, **_keys(ACCESS_KEY, SECRET_KEY)), _name()
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=properties["VersioningConfiguration"])
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": lifecycle_rules(properties)}
        )
        block = properties["PublicAccessBlockConfiguration"] | {"BlockPublicAcls": False}
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
        return cls(url=url, bucket=bucket, s3=s3)

    def role_policy(self) -> dict[str, Any]:
        """Return the policy of the vault's role, with this bucket in it."""
        document = template("storage")["Resources"]["VaultStorage"]["Properties"]["PolicyDocument"]
        return self._of_this_bucket(document)

    def bucket_policy(self) -> dict[str, Any]:
        """Return the policy of the bucket.

        Over http the gateway leaves ``aws:SecureTransport`` out, where S3 always has it; so what is
        equal there must also hold where it is missing.
        """
        document = self._of_this_bucket(
            template("storage")["Resources"]["RecordingsPolicy"]["Properties"]["PolicyDocument"]
        )
        for statement in document["Statement"]:
            condition = statement["Condition"]
            if "Bool" in condition:
                condition["BoolIfExists"] = condition.pop("Bool")
        return document

    def _of_this_bucket(self, document: dict[str, Any]) -> dict[str, Any]:
        names = {
            json.dumps({"Fn::GetAtt": ["Recordings", "Arn"]}): f'"arn:aws:s3:::{self.bucket}"',
            json.dumps({"Fn::Sub": "${Recordings.Arn}/*"}): f'"arn:aws:s3:::{self.bucket}/*"',
            json.dumps({"Fn::Sub": "${Recordings.Arn}/${Prefix}/*"}): f'"arn:aws:s3:::{self.bucket}/vault/*"',
            json.dumps(
                {"Fn::Sub": "${Recordings.Arn}/${Prefix}/log/*"}
            ): f'"arn:aws:s3:::{self.bucket}/vault/log/*"',
            json.dumps(
                {"Fn::Sub": "${Recordings.Arn}/${Prefix}/recordings/*"}
            ): f'"arn:aws:s3:::{self.bucket}/vault/recordings/*"',
        }
        text = json.dumps(copy.deepcopy(document))
        for function, arn in names.items():
            text = text.replace(function, arn)
        assert "Fn::" not in text
        resolved: dict[str, Any] = json.loads(text)
        return resolved


@dataclass(kw_only=True)
class PolicyUser:
    """A user who may do what its policy says."""

    name: str
    secret: str
    iam: Any

    @property
    def credentials(self) -> dict[str, str]:
        """Return its credentials as boto3's environment."""
        return {"AWS_ACCESS_KEY_ID": self.name, "AWS_SECRET_ACCESS_KEY": self.secret}

    def allow(self, policy: dict[str, Any]) -> None:
        """Give it this policy, in the place of an earlier one."""
        self.iam.put_user_policy(UserName=self.name, PolicyName="role", PolicyDocument=json.dumps(policy))


def policy_user(owner: TheOwner) -> PolicyUser:
    """Make a user without any right, by the gateway's admin interface."""
    name, secret = _name(), secrets.token_hex(20)
    wanted = {
        "uid": name,
        "display-name": name,
        "access-key": name,
        "secret-key": secret,
        "key-type": "s3",
        "generate-key": "false",
    }
    request = AWSRequest("PUT", f"{owner.url}/admin/user?{urlencode(wanted)}")
    S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", "us-east-1").add_auth(request)
    httpx.put(request.url, headers=dict(request.headers)).raise_for_status()
    iam = boto3.client("iam", endpoint_url=owner.url, **_keys(ACCESS_KEY, SECRET_KEY))
    return PolicyUser(name=name, secret=secret, iam=iam)


def _keys(access: str, secret: str) -> dict[str, str]:
    return {"aws_access_key_id": access, "aws_secret_access_key": secret, "region_name": "us-east-1"}


def _name() -> str:
    return f"test-{secrets.token_hex(8)}"
