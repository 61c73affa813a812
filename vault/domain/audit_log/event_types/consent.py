"""Events of what parties said of recording, of objections, and of notices."""

from collections.abc import Mapping
from typing import Final, Literal

from vault.domain.audit_log.event_types.event_rules import ClosesNothing, Closing, EventRules, NoSentence

ConsentTypes = Literal[
    "policy.changed", "objection.entered", "objection.ended", "consent.told",
    "notice.drafted", "notice.changed", "notice.deleted", "notice.published", "notice.retired",
]  # fmt: skip


def is_no(result: str | None) -> bool:
    """Return whether the result of a ``consent.told`` is a refusal or a withdrawal."""
    return result is not None and result.rpartition("_")[2] in {"declined", "withdrawn"}


_NOTICE: Final = EventRules(
    closes=ClosesNothing("what a notice says is a setting, which the account's object has"),
    replay="setting",
    needs_permission=True,
    grants=None,
    sentence=NoSentence.OF_NO_RECORDING,
)

CONSENT_EVENTS: Final[Mapping[ConsentTypes, EventRules]] = {
    "policy.changed": EventRules(
        closes=ClosesNothing("a setting, which the account's object has; a restore fails closed where it is older"),
        replay="setting_and_leaf", needs_permission=True, grants="policy", sentence=NoSentence.OF_NO_RECORDING,
    ),
    "objection.entered": EventRules(
        closes=Closing(content="objection", until="account_object", subject="subject"),
        replay="setting", needs_permission=True, grants=None, sentence=NoSentence.OF_NO_RECORDING,
    ),
    "objection.ended": EventRules(
        closes=ClosesNothing("it opens"),
        replay="setting", needs_permission=True, grants=None, sentence=NoSentence.OF_NO_RECORDING,
    ),
    "consent.told": EventRules(
        closes=Closing(content="told", until="always", subject="subject", when=is_no),
        replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.OF_NO_RECORDING,
    ),
    "notice.drafted": _NOTICE,
    "notice.changed": _NOTICE,
    "notice.deleted": _NOTICE,
    "notice.published": _NOTICE,
    "notice.retired": _NOTICE,
}  # fmt: skip
