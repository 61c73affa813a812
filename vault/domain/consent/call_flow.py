"""Which script a call gets at its start, once its notice was heard, and once a key was pressed.

The platform asks three times at most, and each answer is a pure function of the decision: nothing is
remembered between the steps but what stands in the addresses.
"""

from dataclasses import dataclass

from vault.domain.calls.call_document import CallFlow, Gather, Play, Record, Redirect, Step
from vault.domain.consent.decision import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the platform goes next."""

    #: Where it tells that the recording is ready: the connection's webhook.
    status: str
    #: Once the notice was heard to its end.
    heard: str
    #: Once a notice inside the recording was heard to its end.
    heard_inside: str
    #: With the key that was pressed.
    key: str
    #: The platform's own document, with which the call goes on.
    next: str


def opening(decision: Decision, prompt: Play | None, to: Addresses) -> CallFlow:
    """Return what is done at the start of a call.

    Without a notice to play, a call that needs one is not recorded: ``prompt`` is None where none is published.
    """
    if not decision.record:
        return (Redirect(url=to.next),)
    if decision.mode == "none":
        return Record(status_url=to.status), Redirect(url=to.next)
    if prompt is None:
        return (Redirect(url=to.next),)
    # What must be heard in the recording is played once it runs; what must come first is played before.
    first: tuple[Step, ...] = (Record(status_url=to.status),) if decision.position == "inside" else ()
    if decision.mode in {"opt_out_key", "opt_in_key"}:
        return *first, Gather(prompt=prompt, answer_url=to.key), Redirect(url=to.heard)
    return *first, prompt, Redirect(url=to.heard)


def after_notice(decision: Decision, prompt: Play | None, to: Addresses, *, running: bool) -> CallFlow:
    """Return what is done once the notice was heard and no key was pressed.

    Silence is no yes: where one is needed the call goes on unrecorded. ``running`` says that the notice was
    heard in the recording, which runs already.
    """
    if not decision.record or running or decision.position == "inside" or decision.mode == "opt_in_key":
        return (Redirect(url=to.next),)
    return _record(decision, prompt, to)


def after_yes(decision: Decision, prompt: Play | None, to: Addresses) -> CallFlow:
    """Return what is done once the party agreed by key."""
    if not decision.record or decision.position == "inside":
        return (Redirect(url=to.next),)
    return _record(decision, prompt, to)


def _record(decision: Decision, prompt: Play | None, to: Addresses) -> CallFlow:
    if decision.position == "before_and_inside" and prompt is not None:
        # It was told before, and must be heard inside as well.
        return Record(status_url=to.status), prompt, Redirect(url=to.heard_inside)
    return Record(status_url=to.status), Redirect(url=to.next)
