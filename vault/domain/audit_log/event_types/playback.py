"""Events of links, of the keys that sign them, and of listening and downloads."""

from collections.abc import Mapping
from typing import Final, Literal

from vault.domain.audit_log.event_types.event_rules import ClosesNothing, Closing, EventRules, NoSentence

PlaybackEvent = Literal[
    "link.created", "link.revoked", "link.cut", "link_key.registered", "link_key.changed", "link_key.deleted",
    "playback.open", "playback.grant", "playback.end", "playback.heard", "playback.denied",
    "download.grant", "download.end", "waveform.read", "access.unusual",
]  # fmt: skip

_LISTENING: Final = ClosesNothing("it says what somebody got, and changes nothing")

PLAYBACK_EVENTS: Final[Mapping[PlaybackEvent, EventRules]] = {
    # One that a customer's key has signed has another sentence (``history.py``).
    "link.created": EventRules(
        closes=ClosesNothing("it opens"),
        replay="nothing", needs_permission=True, grants="link", sentence="Link created for {listener}",
    ),
    "link.revoked": EventRules(
        closes=Closing(content="none", until="leaf", subject="link_id"),
        replay="leaf", needs_permission=True, grants=None, sentence="Link for {listener} revoked",
    ),
    "link.cut": EventRules(
        closes=Closing(content="link_cut", until="account_object", subject="result"),
        replay="setting", needs_permission=True, grants=None, sentence="Links made before a time cut off",
    ),
    "link_key.registered": EventRules(
        closes=ClosesNothing("it opens"),
        replay="setting", needs_permission=True, grants="link_key", sentence=NoSentence.OF_NO_RECORDING,
    ),
    "link_key.changed": EventRules(
        closes=ClosesNothing("what its links may do is a setting; to stop them, links are cut or the key is deleted"),
        replay="setting", needs_permission=True, grants="link_key", sentence=NoSentence.OF_NO_RECORDING,
    ),
    "link_key.deleted": EventRules(
        closes=Closing(content="none", until="account_object", subject="subject"),
        replay="setting_and_leaf", needs_permission=True, grants=None, sentence=NoSentence.OF_NO_RECORDING,
    ),
    "playback.open": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants="session",
        sentence="Opened by {listener}{where}",
    ),
    "playback.grant": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.MERGED,
    ),
    "playback.end": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.MERGED,
    ),
    # What the player says, which nobody can check.
    "playback.heard": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.MERGED,
    ),
    "playback.denied": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=False, grants=None,
        sentence="Not opened for {listener}{where}{why}",
    ),
    "download.grant": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.MERGED,
    ),
    "download.end": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants=None, sentence=NoSentence.MERGED,
    ),
    "waveform.read": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants=None, sentence="Waveform read by {who}",
    ),
    "access.unusual": EventRules(
        closes=_LISTENING, replay="nothing", needs_permission=True, grants=None,
        sentence=NoSentence.OF_NO_RECORDING,
    ),
}  # fmt: skip
