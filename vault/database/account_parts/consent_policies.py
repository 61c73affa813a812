"""The versions of the consent policy."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from vault.database.account_parts.part import ListPart, Source, Target
from vault.database.schema.consent import consent_policies
from vault.database.sql.dialect import insert_new
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.stored.account_json import decode_policy, encode_policy
from vault.domain.stored.json_reader import Fields


class _ConsentPolicies(ListPart[ConsentPolicy]):
    def read(self, source: Source) -> tuple[ConsentPolicy, ...]:
        return tuple(consent_policy_of(row) for row in source.rows(consent_policies, "version"))

    def encode_one(self, item: ConsentPolicy) -> dict[str, Any]:
        return {
            "version": item.version,
            "at": item.changed_at,
            "by": item.changed_by,
            "policy": encode_policy(item),
        }

    def decode_one(self, fields: Fields, account_id: str) -> ConsentPolicy:  # noqa: ARG002 - the text does not name it
        policy = decode_policy(
            fields.inner("policy").rest(),
            version=fields.integer("version", least=1),
            at=fields.moment("at"),
            by=fields.text("by"),
        )
        fields.done()
        return policy

    def replace(self, value: tuple[ConsentPolicy, ...], target: Target) -> list[str]:
        """Write the object's versions over those with their numbers."""
        rows = [row_of_consent_policy(target.account_id, policy) for policy in value]
        target.put(consent_policies, ["account_id", "version"], rows)
        return []

    def add_lost(self, value: tuple[ConsentPolicy, ...], target: Target) -> list[str]:
        """Add later versions, unless the account has set a policy since."""
        p = consent_policies.c
        newest = select(func.max(p.version)).where(p.account_id == target.account_id)
        last = target.db.execute(newest).scalar() or 0
        later = [policy for policy in value if policy.version > last]
        if not target.takes_policies:
            return [f"version {policy.version} of its consent policy" for policy in later]
        if later:
            rows = [row_of_consent_policy(target.account_id, policy) for policy in later]
            insert_new(target.db, consent_policies, *rows)
        return []


#: Every version, oldest first.
CONSENT_POLICIES = _ConsentPolicies(name="policies", words="consent policies", is_in_all=True)


def row_of_consent_policy(account_id: str, policy: ConsentPolicy) -> dict[str, Any]:
    """Return a version of a policy as its row."""
    return {
        "account_id": account_id,
        "version": policy.version,
        "policy": encode_policy(policy),
        "changed_at": policy.changed_at,
        "changed_by": policy.changed_by,
    }


def consent_policy_of(row: Mapping[Any, Any]) -> ConsentPolicy:
    """Convert the columns of a row, by name, to a version of a policy."""
    return decode_policy(row["policy"], version=row["version"], at=row["changed_at"], by=row["changed_by"])
