"""Builds the call flow at the start of a call, after its notice was played, and after a key was pressed.

The platform requests at most three documents. Each is a pure function of the decision: all state between the
steps is in the URLs.
"""

from dataclasses import dataclass

from vault.domain.admission.decision import Decision
from vault.domain.calls.call_document import CallFlow, Gather, Play, Record, Redirect, Step
from vault.domain.consent.consent_event import KEY_MODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The URLs of the next steps."""

    #: The connection's webhook, for the report that the recording is ready.
    status: str
    #: After the notice was played to its end.
    heard: str
    #: After a notice inside the recording was played to its end.
    heard_inside: str
    #: Receives the pressed key.
    key: str
    #: Receives the key that was pressed at a notice inside the recording.
    key_inside: str
    #: The account's own document at the platform, which continues the call.
    next: str


def opening(decision: Decision, prompt: Play | None, to: Addresses) -> CallFlow:
    """Return the flow at the start of a call.

    ``prompt`` is None where no notice is published; then a call that needs one is not recorded.
    """
    if not decision.record:
        return (Redirect(url=to.next),)
    if decision.mode == "none":
        return Record(status_url=to.status), Redirect(url=to.next)
    if prompt is None:
        return (Redirect(url=to.next),)
    # A notice that must be in the recording is played after its start.
    first: tuple[Step, ...] = (Record(status_url=to.status),) if decision.position == "inside" else ()
    return *first, _ask(decision, prompt, to.key), Redirect(url=to.heard)


def after_notice(decision: Decision, prompt: Play | None, to: Addresses, *, running: bool) -> CallFlow:
    """Return the flow after the notice was played and no key was pressed.

    Silence is not consent: where consent is required, the call continues unrecorded. ``running`` means that the
    recording has already started and contains the notice.
    """
    if not decision.record or running or decision.position == "inside" or decision.mode == "opt_in_key":
        return (Redirect(url=to.next),)
    return _record(decision, prompt, to)


def after_yes(decision: Decision, prompt: Play | None, to: Addresses, *, running: bool) -> CallFlow:
    """Return the flow after the party accepted by key; ``running`` as above."""
    if not decision.record or running or decision.position == "inside":
        return (Redirect(url=to.next),)
    return _record(decision, prompt, to)


def _ask(decision: Decision, prompt: Play, answer_url: str) -> Step:
    """Return the step that plays a notice, and collects the key that it speaks of."""
    return Gather(prompt=prompt, answer_url=answer_url) if decision.mode in KEY_MODES else prompt


def _record(decision: Decision, prompt: Play | None, to: Addresses) -> CallFlow:
    if decision.position == "before_and_inside" and prompt is not None:
        # The notice was played before the recording, and must also be inside it.
        return (
            Record(status_url=to.status),
            _ask(decision, prompt, to.key_inside),
            Redirect(url=to.heard_inside),
        )
    return Record(status_url=to.status), Redirect(url=to.next)
