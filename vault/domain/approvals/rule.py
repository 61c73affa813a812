"""The rule of an account: which acts need a second person. It is off by default."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, get_args

from vault.domain.accounts.account import Scope

#: Acts that can need an approval.
Verb = Literal[
    "hold_release",
    "retention_cap",
    "erasure_within_minimum",
    "approval_rule",
    "recording_erasure",
    "call_erasure",
    "request_erasure",
    "request_export",
    "retention_policy",
    "own_key",
    "account_closure",
    "sign_in_connection",
]
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
#: Acts that need one without any rule, and that a second key with the scope of the act approves.
ALWAYS: Final[frozenset[Verb]] = frozenset({"hold_release", "retention_cap"})
#: All that need one without any rule.
WITHOUT_RULE: Final[frozenset[Verb]] = ALWAYS | {"erasure_within_minimum"}
#: Acts that a rule can name. While a rule is on, loosening it needs an approval as well.
CHOSEN: Final[tuple[Verb, ...]] = tuple(
    verb for verb in VERBS if verb not in WITHOUT_RULE and verb != "approval_rule"
)
#: Acts that need one while any rule is on, also if it does not name them: loosening the rule would end it, and whoever
#: alone sets a sign-in connection, with a provider of his own, can be both people.
IMPLIED: Final[frozenset[Verb]] = frozenset({"approval_rule", "sign_in_connection"})
#: The scope of each act: who asks needs it, and who approves needs it besides ``approvals:write``.
SCOPES: Final[Mapping[Verb, Scope]] = {
    "hold_release": "holds:write",
    "retention_cap": "holds:write",
    "erasure_within_minimum": "privacy:write",
    "approval_rule": "settings:write",
    "recording_erasure": "privacy:write",
    "call_erasure": "privacy:write",
    "request_erasure": "privacy:write",
    "request_export": "privacy:write",
    "retention_policy": "retention:write",
    "own_key": "keys:write",
    "account_closure": "privacy:write",
    "sign_in_connection": "keys:write",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Which acts of an account need an approval."""

    enabled: bool = False
    verbs: frozenset[Verb] = frozenset()
    #: Counts the changes; 0: it was never set.
    version: int = 0
    changed_at: datetime | None = None
    changed_by: str | None = None

    def gates(self, verb: Verb) -> bool:
        """Return whether the act needs an approval; for ``approval_rule``: whether loosening the rule does."""
        return verb in WITHOUT_RULE or (self.enabled and verb in self.verbs | IMPLIED)

    @property
    def implied(self) -> frozenset[Verb]:
        """Return the acts that need an approval now without being named by the rule."""
        return IMPLIED - self.verbs if self.enabled else frozenset()

    @property
    def in_force(self) -> frozenset[Verb]:
        """Return the chosen acts that need an approval now."""
        return self.verbs if self.enabled else frozenset()


def loosens(before: ApprovalRule, after: ApprovalRule) -> bool:
    """Return whether anything that needed an approval would not need one any more."""
    return before.enabled and (not after.enabled or bool(before.verbs - after.verbs))


def tighter(first: ApprovalRule, second: ApprovalRule) -> ApprovalRule:
    """Return a rule that gates whatever either gates: one of the two if it does, else one with a version above both."""
    if (first.enabled, first.verbs) == (second.enabled, second.verbs):
        return first if first.version >= second.version else second
    both = first.in_force | second.in_force
    for one in sorted((first, second), key=lambda rule: rule.version, reverse=True):
        if one.in_force == both and one.enabled == (first.enabled or second.enabled):
            return one
    newer = max(first, second, key=lambda rule: rule.version)
    return replace(newer, enabled=True, verbs=both, version=newer.version + 1)


def known_verbs(names: Iterable[str]) -> frozenset[Verb]:
    """Return the acts of these names; unknown ones, of a later release, are left out."""
    wanted = set(names)
    return frozenset(verb for verb in CHOSEN if verb in wanted)
