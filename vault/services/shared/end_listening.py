"""End all listening to something: the one function for each act after which nobody may hear it by an older permission.

It revokes the links that can still be opened or played, which ends their sessions with their next window, on every
node; and it cuts the links that customers have signed and nobody has opened yet. A permission that is made afterwards
is another one: what is restricted, quarantined, erased or closed gives none, and after that a new link is needed.

An erasure calls nothing here: without its keys a recording cannot be heard by anybody, and its packages are deleted
with it (``services/lifecycle/delete_packages.py``). Nor does the end of a session, a role or a key at the console,
which ends what its holder hears (``revoke_links.py``), and leaves the links that he made for others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from vault.database.stores.playback.links import LinkFilter
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.playback.link_key import LinkCut, Target, minted_until
from vault.domain.recordings.recording import Recording
from vault.errors import Refused
from vault.services.shared.revoke_links import cut_links, revoke_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What is heard no more. Without any name: everything of the account."""

    #: Recordings: one, those of a call, or those of a party.
    recording_ids: Sequence[str] | None = None
    #: The keyed hash of a listener, who hears no recording any more, or none of these.
    listener: bytes | None = None
    #: The listener sealed, for the list of cuts.
    sealed_listener: str | None = None

    def targets(self) -> list[tuple[Target, str]]:
        """Return what is cut. A listener of single recordings cannot be: only known links of theirs are revoked."""
        if self.listener is not None:
            return [] if self.recording_ids is not None else [("listener", self.listener.hex())]
        if self.recording_ids is not None:
            return [("recording", one) for one in self.recording_ids]
        return [("account", "")]


def end_listening(
    tx: Transaction,
    account_id: str,
    what: Listening,
    *,
    at: datetime,
    actor: str,
    reason: str | None = None,
    is_restricted: bool = False,
) -> int:
    """End all listening to ``what``; return how many links were revoked. Repeating it changes nothing more.

    ``is_restricted``: it is restricted, so links that were made to play restricted recordings go on. The caller holds
    the account's lock, exclusively or with that of the call: minting a link waits for both.
    """
    revoked = 0
    for one in [None] if what.recording_ids is None else what.recording_ids:
        wanted = LinkFilter(
            recording_id=one, listener=what.listener, may_play=True, but_for_restricted=is_restricted
        )
        revoked += revoke_links(tx, account_id, wanted, at=at, actor=actor, reason=reason)
    if tx.link_keys.of_account(account_id):
        _cut(tx, account_id, what, actor=actor, but_for_restricted=is_restricted)
    return revoked


def _cut(
    tx: Transaction,
    account_id: str,
    what: Listening,
    *,
    actor: str,
    but_for_restricted: bool,
) -> None:
    """Refuse the links that customers have signed until now."""
    now = tx.now()
    for target, value in what.targets():
        cut = LinkCut(
            id=new_id("cut"),
            account_id=account_id,
            target=target,
            value=value,
            minted_before=minted_until(now),
            created_at=now,
            created_by=actor,
            sealed_listener=what.sealed_listener,
        )
        cut_links(tx, cut, but_for_restricted=but_for_restricted)


def restrict(
    tx: Transaction, recording: Recording, *, at: datetime, actor: str, cause: str, result: str | None = None
) -> None:
    """Restrict a recording, with its event: who hears it by an older link hears it no more, also after that is lifted.

    ``cause``: a Cause, or the id of a request of a person; the event says it, unless ``result`` is more exact. The
    caller holds the account's lock and the call's.
    """
    tx.requests.note_restriction(recording.id, cause)
    log_restriction(tx, recording, at=at, actor=actor, result=result or cause)
    _restrict(tx, recording, at=at, actor=actor)


def log_restriction(tx: Transaction, recording: Recording, *, at: datetime, actor: str, result: str) -> None:
    """Append the event of a cause for which a recording is restricted: the first one, or one beside others."""
    tx.events.append(
        AccessEvent(
            type="recording.restricted",
            at=at,
            account_id=recording.account_id,
            actor=actor,
            recording_id=recording.id,
            result=result,
        )
    )


def restrict_again(tx: Transaction, recording: Recording, *, actor: str, causes: Iterable[str]) -> None:
    """Restrict a recording as the log or a closing act says, which has the event: an old database served it meanwhile.

    ``causes``: what its events say of it (``causes_in``). Its manifest becomes due, which may be out of date.
    """
    for cause in causes:
        tx.requests.note_restriction(recording.id, cause)
    _restrict(tx, recording, at=tx.now(), actor=actor)
    tx.queue.rewrite_manifest(recording.id)


def _restrict(tx: Transaction, recording: Recording, *, at: datetime, actor: str) -> None:
    tx.recordings.restrict(recording.id, restricted=True)
    what = Listening(recording_ids=[recording.id])
    end_listening(tx, recording.account_id, what, at=at, actor=actor, reason="restricted", is_restricted=True)


def require_open(tx: Transaction, account_id: str) -> None:
    """Raise Refused if the account is closed, or being closed: it gives nobody a permission. The caller holds its lock.

    Such an account has its switch off, so that all others need no second look.
    """
    if not tx.accounts.switch(account_id).enabled and tx.closures.has_begun(account_id):
        text = (
            "The account is closed, or being closed, so nobody gets a new permission to hear its recordings."
        )
        raise Refused(text, reasons=("account_closed",))
