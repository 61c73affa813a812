"""What leaves say has to be done again, and how histories of the switch are joined."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vault.domain.accounts.account import SwitchChange
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.replay import Replay
from vault.domain.audit_log.switch_history import LoggedChange, merge_history
from vault.errors import Tampered

T = [datetime(2026, 11, 2, 12, 0, n, tzinfo=UTC) for n in range(10)]


def replayed(*events: tuple[EventType, dict[str, Any]]) -> Replay:
    """Return what a log with these events says, one a second."""
    replay = Replay()
    for at, (kind, said) in zip(T, events, strict=False):
        replay.take(
            AccessEvent(**{"type": kind, "at": at, "account_id": "acct_a", "actor": "key_1"} | said).body
        )
    return replay


def test_what_was_taken_back_is_kept():
    """Each thing as it stood in the end, by the ids that the leaves hold."""
    replay = replayed(
        ("recording.available", {"recording_id": "rec_1"}),
        ("recording.restricted", {"recording_id": "rec_1", "result": "admin"}),
        ("recording.restricted", {"recording_id": "rec_2"}),
        ("recording.unrestricted", {"recording_id": "rec_2"}),
        ("recording.refused", {"recording_id": "rec_3", "result": "switch_off"}),
        ("recording.erasing", {"recording_id": "rec_1"}),
        ("link.revoked", {"link_id": "link_1"}),
        ("key.revoked", {"result": "key_2", "account_id": None}),
        ("switch.changed", {"result": "off"}),
        ("policy.changed", {}),
    )
    assert replay.erased == {"rec_1": T[5]}
    assert replay.restricted == {"rec_1": True, "rec_2": False}
    assert replay.refused == {"rec_3": "switch_off"}
    assert replay.revoked_links == {"link_1": T[6]}
    assert replay.revoked_keys == {"key_2": T[7]}
    assert replay.switch == {"acct_a": [LoggedChange(enabled=False, at=T[8], by="key_1")]}
    assert replay.changed == {"acct_a": T[9]}
    assert replay.leaves == 10


def test_what_was_removed_on_arrival_is_not_removed_again():
    """A database without that has no older audio of the recording, so nothing in it has to be replaced."""
    replay = replayed(
        ("recording.redacted", {"recording_id": "rec_1", "result": "on_arrival", "evidence": "aa"}),
        ("recording.redacted", {"recording_id": "rec_2", "evidence": "bb"}),
        ("recording.redacted", {"recording_id": "rec_2", "evidence": "cc"}),
    )
    assert replay.redacted == {"rec_2": {"bb", "cc"}}


@pytest.mark.parametrize(
    "leaf", [b"", b"[]", b"{}", b'{"type":"switch.changed","at":"x"}', b"\xff", b"[" * 99999]
)
def test_a_leaf_that_is_no_event_is_tampered(leaf: bytes):
    """It is in the signed tree, so another program wrote it: nothing is guessed."""
    with pytest.raises(Tampered):
        Replay().take(leaf)


def change(second: int, epoch: int, *, enabled: bool, reason: str | None = None) -> SwitchChange:
    """Return a change as rows and objects have it."""
    return SwitchChange(enabled=enabled, epoch=epoch, at=T[second], by="key_1", reason=reason)


def logged(second: int, *, enabled: bool) -> LoggedChange:
    """Return a change as the log has it."""
    return LoggedChange(enabled=enabled, at=T[second], by="key_1")


OPENED = change(0, 0, enabled=True)
OFF, ON = change(1, 1, enabled=False, reason="r"), change(2, 1, enabled=True)


@pytest.mark.parametrize(
    ("known", "kept", "log", "joined"),
    [
        ([OPENED], [], [], [OPENED]),
        ([OPENED], [OPENED, OFF, ON], [], [OPENED, OFF, ON]),
        ([OPENED, OFF], [OPENED], [], [OPENED, OFF]),
        ([OPENED], [OPENED, OFF], [logged(1, enabled=False), logged(2, enabled=True)], [OPENED, OFF, ON]),
        ([], [OPENED, OFF], [logged(1, enabled=False), logged(2, enabled=True), logged(3, enabled=False)],
         [OPENED, OFF, ON, change(3, 2, enabled=False)]),
        ([OPENED], [], [logged(1, enabled=False)], [OPENED, change(1, 1, enabled=False)]),
        # The object's last change is counted from what only the log has before it.
        ([OPENED], [OPENED, change(3, 1, enabled=False)], [logged(1, enabled=False), logged(2, enabled=True)],
         [OPENED, change(1, 1, enabled=False), ON, change(3, 2, enabled=False)]),
    ],
)  # fmt: skip
def test_histories_are_joined_by_their_moments(known, kept, log, joined):
    """Nothing is counted twice, nothing is lost, and every off has an epoch of its own."""
    assert merge_history(known, kept, log) == joined
    assert merge_history(joined, kept, log) == joined
    assert [one.at for one in joined] == sorted(one.at for one in joined)
    assert timedelta(0) < T[1] - T[0]
