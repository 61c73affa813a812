"""Card data in audio: what the account wants done, what was found, and the removal of a part of a recording."""

import re
from typing import Annotated, Any, Final

from fastapi import Path, Response

from vault.domain.recordings.card_data import Kind, Policy
from vault.domain.recordings.media import clock_length
from vault.errors import Invalid
from vault.web.console.acts import acts
from vault.web.console.forms import checked
from vault.web.console.here import Here, needs
from vault.web.console.recordings.recording import get_recording
from vault.web.console.route import console_router
from vault.web.http.translations import translatable, translated_pairs
from vault.web.schemas.recordings.card_data import CardDataIn
from vault.web.schemas.recordings.recordings import RedactionIn

router = console_router()
PATH: Final = "/card-data"
Reading = Annotated[Here, needs("recordings:read")]
Setting = Annotated[Here, needs("settings:write")]
Guarding = Annotated[Here, needs("privacy:write")]
ProposalId = Annotated[str, Path(max_length=64)]
POLICY_WORDS: Final[dict[Policy, str]] = translatable(
    {
        "off": "are not detected",
        "propose": "are detected, and their removal is proposed",
        "redact": "are removed before anybody can hear them, where they can be a card number; the rest is proposed",
    }
)
KIND_WORDS: Final[dict[Kind, str]] = translatable(
    {"card_number": "it can be a card number", "digits": "another long number"}
)
_PAGE: Final = 50
#: Seconds, or minutes and seconds, or hours, minutes and seconds; with a comma where a language has one.
_CLOCK: Final = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,6}(?:[.,]\d{1,3})?)", re.ASCII)
#: The channels of a range, by what the form sends.
_CHANNELS: Final[dict[str, list[int]]] = {"": [], "0": [0], "1": [1]}


@router.get(PATH)
async def show_card_data(here: Reading) -> Response:
    """Show the policy, and a page of proposals, of one recording or of all."""
    recording, after = (here.query(name, most=64) or None for name in ("recording", "cursor"))
    card_data = here.vault.recordings.recordings.card_data
    found = await card_data.page(here.account_id, recording_id=recording, after=after, limit=_PAGE)
    following = {"cursor": found[-1].id} if len(found) == _PAGE else None
    if following and recording:
        following["recording"] = recording
    policy = await card_data.policy(here.account_id)
    return here.page(
        "card_data.html",
        section="Recordings",
        policy=policy,
        policy_words=POLICY_WORDS,
        options=translated_pairs(
            (name, words)
            for name, words in POLICY_WORDS.items()
            if name != "redact" or here.allows("privacy:write")
        ),
        kinds=KIND_WORDS,
        proposals=found,
        recording=recording,
        following=following,
        clock=clock_length,
        # The path of the form that is wrong: each proposal has one.
        sent=here.request.url.path,
        values={"keyed_digits": policy.keyed_digits, **here.form.values()},
    )


@acts(router, PATH, again=show_card_data)
async def set_card_data(here: Setting) -> str:
    """Set what is done about card data from now on."""
    body = checked(CardDataIn, {"keyed_digits": here.form.text("keyed_digits")})
    if body.keyed_digits == "redact":
        here.allowed.require("privacy:write")
    card_data = here.vault.recordings.recordings.card_data
    await card_data.set_policy(here.account_id, body.keyed_digits, actor=here.actor)
    return f"{PATH}?done=card_data_set"


@acts(router, "/redaction-proposals/{proposal}/acceptance", again=show_card_data)
async def accept_proposal(here: Guarding, proposal: ProposalId) -> str:
    """Remove what a proposal names, with the account's name typed."""
    body = here.confirmed(RedactionIn, {"proposal": proposal, "reason": here.form.text("reason")})
    recording = here.form.text("recording")
    await here.vault.recordings.recordings.card_data.accept(
        here.account_id, recording, proposal, reason=body.reason, actor=here.actor
    )
    return f"/recordings/{recording}?done=redacted"


@acts(router, "/redaction-proposals/{proposal}/dismissal", again=show_card_data)
async def dismiss_proposal(here: Guarding, proposal: ProposalId) -> str:
    """Dismiss a proposal: the audio stays as it is."""
    await here.vault.recordings.recordings.card_data.dismiss(here.account_id, proposal, actor=here.actor)
    return f"{PATH}?done=proposal_dismissed"


@acts(router, "/recordings/{recording}/redactions", again=get_recording)
async def redact_range(here: Guarding, recording: Annotated[str, Path(max_length=64)]) -> str:
    """Remove a range of the audio, with the reference of its call typed."""
    found = await here.vault.recordings.recordings.read(here.account_id, recording)
    values = {"ranges": [_range(here)], "reason": here.form.text("redaction_reason")}
    body = here.confirmed(
        RedactionIn, values, name=found.recording.call_ref, called={"reason": "redaction_reason"}
    )
    try:
        await here.vault.recordings.recordings.redact(
            here.account_id, recording, body.spans(), reason=body.reason, actor=here.actor
        )
    except Invalid as error:
        raise Invalid(*error.args, field="ranges.0.to") from error
    return f"/recordings/{recording}?done=redacted"


def _range(here: Here) -> dict[str, Any]:
    """Return the range as REST takes it; what is no time stays as it was typed, and is refused there."""
    typed = {name: here.form.text(f"ranges.0.{name}") for name in ("from", "to", "channels")}
    return {
        "from": _seconds(typed["from"]),
        "to": _seconds(typed["to"]),
        "channels": _CHANNELS.get(typed["channels"]),
    }


def _seconds(typed: str) -> float | str:
    """Return the seconds of a time such as 65.5 or 1:05.5; another text as it is."""
    found = _CLOCK.fullmatch(typed)
    if found is None:
        return typed
    hours, minutes, seconds = found.groups(default="0")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
