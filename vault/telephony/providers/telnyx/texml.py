"""TeXML: Telnyx's variant of TwiML. TeXML applications request call documents and send forms.

Requests and callbacks are forms with the same Ed25519 headers as the JSON of Call Control. The signature
covers time and body, not the URL, so a GET is refused. Telnyx ignores unknown attributes without an error, so only
documented ones are used: ``<Gather>`` has no method and uses the application's setting, ``<Recording>`` defaults to
mp3, and ``<Say>`` supports only English unless its voice is alice.

Sources: developers.telnyx.com, docs/voice/programmable-voice/texml-verbs (gather, recording, redirect, say),
texml-instruction-fetching, and callbacks texml-gather, texml-recording-completed; SDK 4.189,
``types/calls/action_speak_params.py`` for the languages.
"""

import re

from vault.domain.calls.provider_api import Delivery
from vault.telephony.twilio_api.documents import TwilioApiDocuments

#: A call's id is ``v3:`` and base64url, a recording's id is a UUID.
REFS = re.compile(r"[0-9A-Za-z][0-9A-Za-z_:\-]{0,199}")
FORM = "application/x-www-form-urlencoded"

LANGUAGES = frozenset(
    "arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-IN en-US es-ES es-MX es-US fr-CA fr-FR hi-IN is-IS it-IT ja-JP "  # noqa: SIM905 - words
    "ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR".split()
)

FLOW = TwilioApiDocuments(
    recording={
        "channels": "dual",
        "track": "both",
        "format": "wav",
        "recordingStatusCallbackMethod": "POST",
        "recordingStatusCallbackEvent": "completed absent",
    },
    gather={"finishOnKey": ""},
    say={"voice": "alice"},
    languages=LANGUAGES,
    refs=REFS,
    signs_query=False,
)


def is_form(delivery: Delivery) -> bool:
    """Tell whether a TeXML application sent this; everything else is JSON of Call Control."""
    media_type = delivery.headers.get("content-type", "").partition(";")[0].strip().lower()
    return delivery.method == "POST" and media_type == FORM
