"""The vault's role: exactly what the code asks for, and on moto neither more nor less."""

import ast
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.infra.conftest import enforced, role_credentials
from tests.infra.moto_stacks import Deployed
from tests.infra.role_at_work import FORBIDDEN, opened, refused, whole_cycle
from tests.infra.templates import ROOT, template
from vault.keyservice.aws_kms import AwsKmsKey
from vault.thread_pools import Threads

#: What IAM asks for each method of boto3's clients (the Service Authorization Reference of S3 and of KMS).
ACTIONS = {
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "complete_multipart_upload": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "delete_object": "s3:DeleteObjectVersion",  # Always with the version's id; see below.
    "get_bucket_versioning": "s3:GetBucketVersioning",
    "get_object": "s3:GetObject",
    "get_object_lock_configuration": "s3:GetBucketObjectLockConfiguration",
    "head_object": "s3:GetObject",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
    "list_object_versions": "s3:ListBucketVersions",
    "head_bucket": "s3:ListBucket",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
    "put_object_legal_hold": "s3:PutObjectLegalHold",
    "put_object_retention": "s3:PutObjectRetention",
    "upload_part": "s3:PutObject",
    "decrypt": "kms:Decrypt",
    "encrypt": "kms:Encrypt",
}
#: What IAM asks for arguments and fields of answers beside the method.
ARGUMENTS = {
    "ObjectLockRetainUntilDate": "s3:PutObjectRetention",
    "ObjectLockMode": "s3:GetObjectRetention",  # A HEAD shows it only with this.
    "ObjectLockLegalHoldStatus": "s3:GetObjectLegalHold",
}


def calls(room: str) -> Iterator[ast.Call]:
    """Yield every call of a method of a client in a room."""
    for path in sorted((ROOT / "vault" / room).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr != "close"
                and ast.unparse(node.func.value).split(".")[-1] == "client"
            ):
                yield node


def actions_of_arguments(room: str) -> set[str]:
    """Return the actions that arguments ask for beside their call."""
    text = "".join(path.read_text() for path in sorted((ROOT / "vault" / room).glob("*.py")))
    return {action for argument, action in ARGUMENTS.items() if f'"{argument}"' in text}


def allowed(stack: str, name: str) -> set[str]:
    """Return the actions of a policy."""
    document = template(stack)["Resources"][name]["Properties"]["PolicyDocument"]
    return {action for statement in document["Statement"] for action in statement["Action"]}


@pytest.mark.parametrize(
    ("room", "stack", "policy"),
    [
        ("objects", "storage", "VaultStorage"),
        ("keyservice", "keys", "RootKeyPolicy"),
        ("keyservice", "keys", "OwnKeysPolicy"),
    ],
    ids=["objects", "root key", "own keys"],
)
def test_the_role_allows_exactly_what_the_code_asks(room: str, stack: str, policy: str) -> None:
    """Every call of boto3 in a room has its action in the policy, and no action is there without a call."""
    asked = list(calls(room))
    needed = {ACTIONS[call.func.attr] for call in asked} | actions_of_arguments(room)
    assert needed == allowed(stack, policy)
    deletions = [call for call in asked if call.func.attr == "delete_object"]
    assert all("VersionId" in {keyword.arg for keyword in call.keywords} for call in deletions)


@pytest.mark.xdist_group("stacks")
async def test_the_role_is_enough_and_no_more_on_moto(
    stacks: Deployed, threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's whole cycle passes with the role that the stacks made; what is not in its policy is refused."""
    bucket, given = stacks.outputs["Bucket"], role_credentials(stacks, "VaultRoleArn")
    logs = stacks.resources["storage"]["BucketLogs"][1] or ""
    with enforced(stacks):
        store = opened(stacks.url, bucket, threads, monkeypatch, given)
        await whole_cycle(store)
        assert refused(store.client, bucket) == list(FORBIDDEN)
        with pytest.raises(ClientError, match="AccessDenied"):
            store.client.list_objects_v2(Bucket=logs)
        store.close()


@pytest.mark.xdist_group("stacks")
async def test_the_role_wraps_and_unwraps_and_does_nothing_else_with_keys(
    stacks: Deployed, threads: Threads
) -> None:
    """With the role the root key works through the vault's own code; scheduling its deletion is refused."""
    given = role_credentials(stacks, "VaultRoleArn")
    kms = boto3.client(
        "kms",
        endpoint_url=stacks.url,
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=given["AWS_SESSION_TOKEN"],
    )
    context = {"purpose": "account-key", "account_id": "acct_1", "key_version": "1"}
    with enforced(stacks):
        key = AwsKmsKey(kms, stacks.outputs["RootKeyId"], threads)
        assert await key.unwrap(await key.wrap(b"secret", context), context) == b"secret"
        with pytest.raises(ClientError, match="AccessDenied"):
            kms.schedule_key_deletion(KeyId=stacks.outputs["RootKeyId"])
        with pytest.raises(ClientError, match="AccessDenied"):
            kms.generate_data_key(KeyId=stacks.outputs["RootKeyId"], KeySpec="AES_256")
