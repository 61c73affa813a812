"""Texts that an older release stored unencrypted, so that they can be sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Column, not_, select, update

from vault.database.account_parts.part import account_changed
from vault.database.schema.consent import consent_policies, objections
from vault.database.schema.core import connections, switch_changes
from vault.database.stores.rows import Rows

#: The kind of text, which is in its encryption context.
Words = Literal[
    "switch-reason",
    "objection-reason",
    "policy-reason",
    "api-base",
    "next-url",
    "hold",
    "retention",
    "link-cut",
    "request-callback",
    "event-endpoint",
    "outbox-answer",
    "integration",
    "handover",
    "approval",
    "sign-in",
    "sign-in-claims",
    "member",
    "invitation-mail",
    "provisioned",
    "metadata",
]
#: First character of sealed text: a control character, which the REST API refuses in input.
SEALED_WORDS: Final = "\x01"
#: The metadata fact that no tombstone contains an admin's text any more.
TOMBSTONES_CLEAN: Final = "tombstones_without_words"

_BATCH_SIZE = 200
_COLUMNS: Mapping[Words, Column[Any]] = {
    "switch-reason": switch_changes.c.reason,
    "objection-reason": objections.c.reason,
    "api-base": connections.c.api_base,
    "next-url": connections.c.next_url,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearText:
    """Text that an older release stored in plaintext: a column of a row, or a whole policy."""

    what: Words
    account_id: str
    #: The row's id; for a policy, its version.
    row_id: str
    words: str


class ClearTextRows(Rows):
    """The unencrypted texts of one transaction."""

    def some(self) -> Sequence[ClearText]:
        """Return a batch of unencrypted texts of one kind; empty once all are sealed."""
        for kind, column in _COLUMNS.items():
            table = column.table
            clear = column.is_not(None) & not_(column.startswith(SEALED_WORDS))
            rows = self._db.execute(
                select(table.c.account_id, table.c.id, column).where(clear).limit(_BATCH_SIZE)
            )
            if texts := [
                ClearText(what=kind, account_id=account_id, row_id=str(row_id), words=words)
                for account_id, row_id, words in rows
            ]:
                return texts
        return self._policies()

    def replace(self, clear: ClearText, sealed: str) -> None:
        """Replace a text by its ciphertext; a row changed since it was read stays."""
        if clear.what == "policy-reason":
            self._replace_in_policy(clear, sealed)
        else:
            column = _COLUMNS[clear.what]
            table = column.table
            number = table.c.id.type.python_type
            same = (table.c.id == number(clear.row_id)) & (column == clear.words)
            self._db.execute(update(table).where(same).values({column: sealed}))
        account_changed(self._db, clear.account_id)

    def _policies(self) -> Sequence[ClearText]:
        p = consent_policies.c
        texts: list[ClearText] = []
        for account_id, version, policy in self._db.execute(select(p.account_id, p.version, p.policy)):
            texts += [
                ClearText(what="policy-reason", account_id=account_id, row_id=str(version), words=words)
                for words in sorted({text for text in _reasons(policy) if not text.startswith(SEALED_WORDS)})
            ]
            if len(texts) >= _BATCH_SIZE:
                break
        return texts

    def _replace_in_policy(self, clear: ClearText, sealed: str) -> None:
        p = consent_policies.c
        mine = (p.account_id == clear.account_id) & (p.version == int(clear.row_id))
        policy = self._db.execute(select(p.policy).where(mine)).scalar_one()
        for holder in (policy, *policy["overrides"]):
            if holder["reason"] == clear.words:
                holder["reason"] = sealed
        self._db.execute(update(consent_policies).where(mine).values(policy=policy))


def _reasons(policy: Mapping[str, Any]) -> list[str]:
    return [holder["reason"] for holder in (policy, *policy["overrides"]) if holder["reason"]]
