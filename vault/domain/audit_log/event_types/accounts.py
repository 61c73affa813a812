"""Events of accounts and their keys, of their settings, of the vault's own log and store, and of sign-in."""

from collections.abc import Mapping
from typing import Final, Literal

from vault.domain.audit_log.event_types.event_rules import ClosesNothing, Closing, EventRules, NoSentence

AccountEvent = Literal[
    "key.created", "key.revoked", "key.exported", "key.rotated", "key.rewrapped", "key.destroyed",
    "vault.restored", "log.database_went_back", "log.checkpoint", "store.went_back",
    "account.opened", "account.changed", "account.closure_asked", "account.closure_withdrawn", "account.closed",
    "account.moved", "account.arrived", "account.keys_destroyed",
    "event_endpoint.changed", "event_endpoint.deleted", "event_endpoint.replayed", "event_endpoint.tested",
    "callback.changed", "callback.deleted", "connection.changed", "connection.deleted", "card_data.changed",
    "card_data.back_fill",
    "connection.silent", "connection.needs_authorization", "switch.changed",
    "console.signed_in", "console.refused", "console.ended",
    "sign_in.changed", "sign_in.deleted", "role.granted", "role.revoked", "member.removed", "member.readmitted",
    "member.invited", "member.changed", "invitation.issued", "invitation.ended", "passkey.added", "passkey.removed",
    "provisioning.changed", "provisioning.deleted", "provisioning_token.created", "provisioning_token.revoked",
    "provisioned_user.changed", "provisioned_user.activated", "provisioned_user.deactivated",
    "provisioned_group.changed", "provisioned_group.deleted",
]  # fmt: skip

_OPENS: Final = ClosesNothing("it opens")
_SETTING: Final = ClosesNothing("a setting, which the account's object has")
_ROTATION: Final = ClosesNothing("a rotation goes on from the rows; the destruction of a version closes")
_LOSS: Final = ClosesNothing("it says what was lost and brought back, and changes nothing")
_OF_NONE: Final = NoSentence.OF_NO_RECORDING
_PLATFORM: Final = EventRules(
    closes=ClosesNothing("it says how a platform behaves, which is found again"),
    replay="nothing",
    needs_permission=True,
    grants=None,
    sentence=_OF_NONE,
)

ACCOUNT_EVENTS: Final[Mapping[AccountEvent, EventRules]] = {
    "key.created": EventRules(
        closes=_OPENS, replay="nothing", needs_permission=True, grants="api_key", sentence=_OF_NONE
    ),
    "key.revoked": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "key.exported": EventRules(
        closes=ClosesNothing("it says that an operator took a recording's key"),
        replay="nothing", needs_permission=True, grants=None, sentence="Key exported by the operator{why}",
    ),
    "key.rotated": EventRules(
        closes=_ROTATION, replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "key.rewrapped": EventRules(
        closes=_ROTATION, replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "key.destroyed": EventRules(
        closes=Closing(content="none", until="account_object", subject="result"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "vault.restored": EventRules(
        closes=_LOSS, replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "log.database_went_back": EventRules(
        closes=_LOSS, replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "log.checkpoint": EventRules(
        closes=ClosesNothing("it says what the log was"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "store.went_back": EventRules(
        closes=_LOSS, replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "account.opened": EventRules(
        closes=_OPENS, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "account.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "account.closure_asked": EventRules(
        closes=ClosesNothing("nothing ends before its date; without it, the account goes on"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    # Without it, an account whose closure was taken back would be erased.
    "account.closure_withdrawn": EventRules(
        closes=Closing(content="request", until="account_object", subject="result"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "account.closed": EventRules(
        closes=ClosesNothing("what it ended has closing acts: the switch, links with their keys, each recording"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "account.moved": EventRules(
        closes=ClosesNothing("the account is at another vault, whose rows say what is closed"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "account.arrived": EventRules(
        closes=ClosesNothing("what was closed came with the rows"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "account.keys_destroyed": EventRules(
        closes=ClosesNothing("what says that the account left keeps it away, whatever comes back"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "card_data.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "card_data.back_fill": EventRules(
        closes=ClosesNothing("each removal closes by itself; a search can be begun again"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "callback.changed": EventRules(
        closes=_SETTING, replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "callback.deleted": EventRules(
        closes=ClosesNothing("the leaf says it; what is sent until a restore names a request by its id alone"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "event_endpoint.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "event_endpoint.deleted": EventRules(
        closes=ClosesNothing("the leaf says it; what is sent until a restore has ids and codes alone"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "event_endpoint.replayed": EventRules(
        closes=ClosesNothing("it sends again what its types name, as it stands then"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "event_endpoint.tested": EventRules(
        closes=ClosesNothing("it tells of nothing"),
        replay="nothing", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "connection.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants="connection", sentence=_OF_NONE
    ),
    "connection.deleted": EventRules(
        closes=Closing(content="none", until="leaf", subject="subject"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "connection.silent": _PLATFORM,
    "connection.needs_authorization": _PLATFORM,
    "switch.changed": EventRules(
        closes=Closing(content="switch", until="leaf", subject="account_id", when=lambda result: result == "off"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "console.signed_in": EventRules(
        closes=_OPENS, replay="nothing", needs_permission=True, grants="console_session", sentence=_OF_NONE
    ),
    "console.refused": EventRules(
        closes=ClosesNothing("nobody was let in"),
        replay="nothing", needs_permission=False, grants=None, sentence=_OF_NONE,
    ),
    "console.ended": EventRules(
        closes=Closing(content="none", until="leaf", subject="session_id"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "sign_in.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants="role", sentence=_OF_NONE
    ),
    "sign_in.deleted": EventRules(
        closes=Closing(content="none", until="leaf", subject="subject"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "role.granted": EventRules(
        closes=_OPENS, replay="setting", needs_permission=True, grants="role", sentence=_OF_NONE
    ),
    "role.revoked": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "member.removed": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "member.readmitted": EventRules(
        closes=_OPENS, replay="leaf", needs_permission=True, grants="readmission", sentence=_OF_NONE
    ),
    "member.invited": EventRules(
        closes=_OPENS, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "member.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    # Whoever has the address becomes the person, with all roles.
    "invitation.issued": EventRules(
        closes=_OPENS, replay="nothing", needs_permission=True, grants="role", sentence=_OF_NONE
    ),
    # Used or revoked: an older database must not let it be used again.
    "invitation.ended": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "passkey.added": EventRules(
        closes=_OPENS, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "passkey.removed": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "provisioning.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants="provisioning", sentence=_OF_NONE
    ),
    # Who was told to have left may sign in again by the provider alone.
    "provisioning.deleted": EventRules(
        closes=ClosesNothing("its tokens have closing acts; what it closed is open again"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "provisioning_token.created": EventRules(
        closes=_OPENS, replay="nothing", needs_permission=True, grants="provisioning", sentence=_OF_NONE
    ),
    "provisioning_token.revoked": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "provisioned_user.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "provisioned_user.activated": EventRules(
        closes=_OPENS, replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "provisioned_user.deactivated": EventRules(
        closes=Closing(content="none", until="leaf", subject="result"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=_OF_NONE,
    ),
    "provisioned_group.changed": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
    "provisioned_group.deleted": EventRules(
        closes=_SETTING, replay="setting", needs_permission=True, grants=None, sentence=_OF_NONE
    ),
}  # fmt: skip
