"""The rule of an account: which acts need a second person. It is off by default."""

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime
from typing import Final, Literal, get_args

from vault.domain.accounts.account import Scope
from vault.domain.audit_log.event_types.table import EventType

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
    "member_invitation",
    "member_roles",
    "member_recovery",
]
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)


@dataclass(frozen=True, slots=True)
class VerbRule:
    """What holds for an act in every account."""

    #: Who asks needs it, and who approves needs it besides ``approvals:write``.
    scope: Scope
    #: When it needs an approval. ``always``: without any rule, and it can be approved without a digest.
    #: ``without_rule``: without any rule. ``named``: while a rule names it. ``any_rule``: while any rule is on, named
    #: or not. ``loosening``: while any rule is on, if the rule would gate less.
    needs_approval: Literal["always", "without_rule", "named", "any_rule", "loosening"]
    _: KW_ONLY
    #: Whether it is carried out once the closure of the account has begun; not what stores something new.
    when_closed: bool
    #: The closing act whose object a repeated decision stores.
    closes: EventType | None


#: Every act. One person who loosens the rule ends it; one who sets a sign-in connection, with a provider of his
#: own, or who opens the addresses of people whom he invites, can be both people.
RULES: Final[Mapping[Verb, VerbRule]] = {
    "hold_release": VerbRule("holds:write", "always", when_closed=True, closes="hold.released"),
    "retention_cap": VerbRule("holds:write", "always", when_closed=True, closes=None),
    "erasure_within_minimum": VerbRule(
        "privacy:write", "without_rule", when_closed=True, closes="recording.erasing"
    ),
    "approval_rule": VerbRule("settings:write", "loosening", when_closed=False, closes=None),
    "recording_erasure": VerbRule("privacy:write", "named", when_closed=True, closes="recording.erasing"),
    "call_erasure": VerbRule("privacy:write", "named", when_closed=True, closes="call.erased"),
    "request_erasure": VerbRule("privacy:write", "named", when_closed=True, closes="request.decided"),
    "request_export": VerbRule("privacy:write", "named", when_closed=True, closes="request.decided"),
    "retention_policy": VerbRule("retention:write", "named", when_closed=True, closes="retention.changed"),
    "own_key": VerbRule("keys:write", "named", when_closed=True, closes=None),
    "account_closure": VerbRule("privacy:write", "named", when_closed=True, closes=None),
    "sign_in_connection": VerbRule("keys:write", "any_rule", when_closed=False, closes=None),
    "member_invitation": VerbRule("keys:write", "any_rule", when_closed=False, closes=None),
    "member_roles": VerbRule("keys:write", "any_rule", when_closed=False, closes=None),
    "member_recovery": VerbRule("keys:write", "any_rule", when_closed=False, closes=None),
}
#: Acts that need one without any rule, and that can be approved without a digest.
ALWAYS: Final = frozenset(verb for verb in VERBS if RULES[verb].needs_approval == "always")
#: All that need one without any rule.
WITHOUT_RULE: Final = ALWAYS | {verb for verb in VERBS if RULES[verb].needs_approval == "without_rule"}
#: Acts that a rule can name. While a rule is on, loosening it needs an approval as well.
CHOSEN: Final = tuple(verb for verb in VERBS if RULES[verb].needs_approval in {"named", "any_rule"})
#: Acts that need one while any rule is on, also if it does not name them.
IMPLIED: Final = frozenset(verb for verb in VERBS if RULES[verb].needs_approval in {"any_rule", "loosening"})


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
        return verb in WITHOUT_RULE or verb in self.gated

    @property
    def implied(self) -> frozenset[Verb]:
        """Return the acts that need an approval now without being named by the rule."""
        return IMPLIED - self.verbs if self.enabled else frozenset()

    @property
    def gated(self) -> frozenset[Verb]:
        """Return the acts that need an approval now because the rule is on, named or implied."""
        return self.verbs | IMPLIED if self.enabled else frozenset()

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
    return frozenset(CHOSEN).intersection(names)
