"""What a link is asked to be, and whether a recording may have such a link."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from vault.domain.playback.link import DEFAULT_LIFETIME, Kind, Purpose
from vault.domain.recordings.recording import Recording, State
from vault.errors import Forbidden, Invalid, NotFound, RecordingErased, Refused
from vault.sentence import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRequest:
    """The properties of a link to create."""

    #: The name of the intended listener.
    listener: str
    kind: Kind
    #: How long the link can be opened.
    life: timedelta
    sessions: int
    #: CIDR networks from which it can be opened; empty means any.
    networks: Sequence[str] = ()
    #: Whether the player offers the original as a file.
    download: bool = False
    purpose: Purpose | None = None
    #: More about the purpose, in the creator's words; stored sealed, in the access log alone.
    purpose_text: str | None = None
    #: Whether the creator may also restrict recordings: then a link for legal claims plays a restricted one.
    may_open_restricted: bool = False
    #: Whether the creator may hear recordings in quarantine: then a link for the check of its consent plays one.
    may_open_quarantined: bool = False
    #: The console session whose holder opens the link immediately; it must be open and allow that.
    console_session_id: str | None = None

    @property
    def plays_restricted(self) -> bool:
        """Return whether the link gets the right to play a restricted recording, in whatever state it is now.

        What is restricted may be used for legal claims (GDPR article 18(2)), and the log says for which.
        """
        return self.purpose == "legal_claims" and self.may_open_restricted and self.purpose_text is not None


def require_playable(recording: Recording | None, request: LinkRequest) -> Recording:
    """Return the recording if it may have such a link.

    Raises Forbidden, Invalid, NotFound, RecordingErased, Refused.
    """
    if recording is None:
        raise NotFound("There is no such recording.")
    if recording.state in {State.ERASING, State.ERASED}:
        raise RecordingErased("The recording was erased.")
    if recording.state is State.AVAILABLE and recording.restricted and request.purpose == "legal_claims":
        if not request.may_open_restricted:
            text = "A link to a restricted recording needs a key with the scope privacy:write."
            raise Forbidden(text)
        if request.purpose_text is None:
            raise Invalid(
                "purpose_text must say which claim a restricted recording is needed for.",
                field="purpose_text",
            )
        return recording
    if recording.state is State.QUARANTINED and not recording.restricted:
        _check_quarantined(request)
        return recording
    if recording.state is not State.AVAILABLE or recording.restricted:
        reason = "restricted" if recording.restricted else str(recording.state)
        text = Sentence("The recording is %(state)s, so it cannot be played.", state=reason)
        raise Refused(text, reasons=(reason,))
    return recording


def _check_quarantined(request: LinkRequest) -> None:
    """Raise unless the link is made to decide about the consent: the creator's scope, one short session, no file."""
    if request.purpose != "consent_check":
        raise Refused("The recording is quarantined, so it cannot be played.", reasons=("quarantined",))
    if not request.may_open_quarantined:
        raise Forbidden("A link to a recording in quarantine needs a key with the scope quarantine:listen.")
    for field, wanted, is_so in (
        ("kind", "player", request.kind == "player"),
        ("download", "false", not request.download),
        ("sessions", "1", request.sessions == 1),
        ("expires_in", "at most 900 seconds", request.life <= DEFAULT_LIFETIME),
    ):
        if not is_so:
            raise Invalid(f"{field} must be {wanted} for a recording in quarantine.", field=field)
