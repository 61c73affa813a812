"""Who may use the root key, and for what: its policy, and the condition that no server here evaluates."""

from collections.abc import Mapping
from typing import Any

from tests.fakes.root_key import FakeRootKey
from tests.infra.templates import template
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.stored.encryption_context import of_account_key
from vault.keyservice.key_ring import AccountKeyRing
from vault.services.node.startup_checks import OpenLogKey, ProveRootKey


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
