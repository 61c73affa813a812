"""The vault's role: exactly what the code asks for, and on moto neither more nor less.

Who may use the root key, and for what: its policy, and the condition that no server here evaluates.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.fakes.root_key import FakeRootKey
from tests.infra.conftest import enforced, role_credentials
from tests.infra.moto_stacks import Deployed
from tests.infra.role_at_work import FORBIDDEN, opened, refused, whole_cycle
from tests.infra.templates import ROOT, template
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.stored.encryption_context import of_account_key
from vault.keyservice.aws_kms import AwsKmsKey
from vault.keyservice.key_ring import AccountKeyRing
from vault.services.node.startup_checks import OpenLogKey, ProveRootKey
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


class Watched(FakeRootKey):
    """A root key that remembers every context."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[dict[str, str]] = []

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Remember and wrap."""
        self.contexts.append(dict(context))
        return await super().wrap(secret, context)


def lets_through(condition: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Say whether KMS would: StringEquals wants one of the values, ForAllValues wants no other key."""
    equals, every = condition["StringEquals"], condition["ForAllValues:StringEquals"]
    assert (set(condition), set(every)) == (
        {"StringEquals", "ForAllValues:StringEquals"},
        {"kms:EncryptionContextKeys"},
    )
    return all(
        context.get(key.removeprefix("kms:EncryptionContext:")) in wanted for key, wanted in equals.items()
    ) and set(context) <= set(every["kms:EncryptionContextKeys"])


def conditions() -> list[Mapping[str, Any]]:
    """Return the conditions on the use of the root key: that of the key and that of the role."""
    found = template("keys")["Resources"]
    statements = [
        *found["RootKey"]["Properties"]["KeyPolicy"]["Statement"],
        *found["RootKeyPolicy"]["Properties"]["PolicyDocument"]["Statement"],
    ]
    return [one["Condition"] for one in statements if "kms:Decrypt" in one["Action"]]


async def test_the_root_key_answers_to_the_contexts_that_the_vault_uses(sqlite: SqliteDatabase) -> None:
    """Every context with which the vault wraps passes both conditions, and others pass neither."""
    key = Watched()
    vault_id = await ProveRootKey(database=sqlite, root_key=key)()
    await OpenLogKey(database=sqlite, root_key=key, public_url="https://vault.example.com")(vault_id)
    await AccountKeyRing(key, None).create("acct_1")  # type: ignore[arg-type]
    assert {one["purpose"] for one in key.contexts} == {"root-key-proof", "log-key", "account-key"}
    strange = [{}, {"purpose": "backup"}, {"account_id": "acct_1"}, {**key.contexts[0], "more": "x"}]
    assert len(conditions()) == 2
    for condition in conditions():
        assert [lets_through(condition, context) for context in key.contexts] == [True] * len(key.contexts)
        assert [lets_through(condition, context) for context in strange] == [False] * len(strange)


def test_keys_of_accounts_answer_to_the_keys_of_accounts_alone() -> None:
    """The role's policy lets an account's key be wrapped under a key that the account brought, and nothing else."""
    policy = template("keys")["Resources"]["OwnKeysPolicy"]["Properties"]["PolicyDocument"]
    (condition,) = (one["Condition"] for one in policy["Statement"])
    context = of_account_key("acct_1", 1)
    assert lets_through(condition, context)
    for strange in ({}, {"purpose": "log-key", "vault_id": "v"}, {**context, "more": "x"}):
        assert not lets_through(condition, strange)


def test_the_account_administers_the_root_key_and_cannot_use_it() -> None:
    """No statement lets anybody but the two roles encrypt or decrypt."""
    statements = template("keys")["Resources"]["RootKey"]["Properties"]["KeyPolicy"]["Statement"]
    users = [one for one in statements if any("crypt" in action or "*" in action for action in one["Action"])]
    assert [one["Principal"] for one in users] == [
        {"AWS": [{"Fn::GetAtt": ["VaultRole", "Arn"]}, {"Fn::GetAtt": ["FirstKeyRole", "Arn"]}]}
    ]
