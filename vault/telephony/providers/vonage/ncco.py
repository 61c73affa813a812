"""NCCOs: Vonage's call documents, JSON lists of actions.

There is no redirect; ``notify`` replaces it: Vonage requests a URL, and the NCCO in the response replaces
the running one (NCCO reference, Notify). ``input`` requests its URL in the same way, and always: without a keypress
the event has ``timed_out``, and the call continues with the NCCO in the response. So no action follows an
``input``. It would run only if the vault could not be reached (webhook reference, fallback URL), and a
lost objection must not be treated like no keypress.

Sources: developer.vonage.com/en/voice/voice-api, ncco-reference and webhook-reference; the languages are those of
the vendor's Java SDK, ``TextToSpeechLanguage``.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from vault.domain.calls.call_document import CallFlow, CallStep, Document, Gather, Play, Record, Redirect
from vault.domain.calls.provider_api import Delivery
from vault.telephony.call_documents import language_of, remove_invalid_characters, split_text
from vault.telephony.providers.vonage.callbacks import parse_document_request

#: Minimum and maximum of ``timeOut`` in seconds, counted from the caller's last action.
SECONDS = (1, 10)
#: Vonage interprets text inside <speak> as markup. These characters are removed, so text is never markup.
MARKUP = re.compile("[<>]")
LANGUAGES = frozenset(
    "af-ZA ar bg-BG bn-IN ca-ES cmn-CN cmn-TW cs-CZ cy-GB da-DK de-AT de-DE el-GR en-AU en-GB en-IE en-IN en-NZ "  # noqa: SIM905 - words
    "en-US en-ZA es-CO es-ES es-MX es-US eu-ES fi-FI fil-PH fr-CA fr-FR gl-ES gu-IN he-IL hi-IN hu-HU id-ID is-IS "
    "it-IT ja-JP kn-IN ko-KR lt-LT lv-LV ml-IN mr-IN ms-MY nb-NO nl-BE nl-NL no-NO pa-IN pl-PL pt-BR pt-PT ro-RO "
    "ru-RU sk-SK sr-RS sv-SE ta-IN te-IN th-TH tr-TR uk-UA vi-VN yue-CN".split()
)

Action = dict[str, object]


@dataclass(frozen=True, slots=True)
class NccoDocuments:
    """The port CallDocuments for NCCOs."""

    def step(self, delivery: Delivery) -> CallStep:
        """Parse an authenticated request for an NCCO. Raises Invalid, naming the field."""
        return parse_document_request(delivery)

    def document(self, flow: CallFlow) -> Document:
        """Write the call flow as an NCCO."""
        actions: list[Action] = []
        for step in flow:
            match step:
                case Play():
                    actions += _play(step)
                case Gather():
                    actions += [*_play(step.prompt, {"bargeIn": True}), _input(step)]
                    # The response to the input continues the call.
                    break
                case Record():
                    actions.append(_record(step))
                case Redirect():
                    actions.append(_go(step))
        return Document(media_type="application/json", body=json.dumps(actions, ensure_ascii=False).encode())


def _play(step: Play, options: Action | None = None) -> Sequence[Action]:
    """Build the actions of a notice; with ``bargeIn`` a keypress ends it, and an ``input`` must follow."""
    if step.audio_url is not None:
        return [
            {"action": "stream", "streamUrl": [remove_invalid_characters(step.audio_url)], **(options or {})}
        ]
    language = language_of(step.language, LANGUAGES)
    spoken: Action = {} if language is None else {"language": language}
    return [
        {"action": "talk", "text": piece, **spoken, **(options or {})}
        for piece in split_text(MARKUP.sub(" ", step.text))
    ]


def _input(step: Gather) -> Action:
    least, most = SECONDS
    return {
        "action": "input",
        "type": ["dtmf"],
        "dtmf": {"maxDigits": 1, "timeOut": min(max(step.seconds, least), most)},
        "eventUrl": [remove_invalid_characters(step.answer_url)],
        "eventMethod": "POST",
    }


def _record(step: Record) -> Action:
    return {
        "action": "record",
        "format": "wav",
        "split": "conversation",
        "channels": 2,
        "eventUrl": [remove_invalid_characters(step.status_url)],
        "eventMethod": "POST",
    }


def _go(step: Redirect) -> Action:
    # A payload is required and is returned with the conversation's id; the vault ignores it.
    return {
        "action": "notify",
        "payload": {"next": "ncco"},
        "eventUrl": [remove_invalid_characters(step.url)],
        "eventMethod": "POST",
    }
