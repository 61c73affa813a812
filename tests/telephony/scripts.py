"""Scripts that every platform must be able to say, and texts that break careless writers."""

from collections.abc import Callable
from xml.etree.ElementTree import Element, canonicalize, fromstring

from vault.domain.calls.call_document import CallFlow, CallStep, Document, Gather, Play, Record, Redirect
from vault.errors import Invalid

AUDIO = "https://vault.example/notices/n1/audio.wav?language=en&for=caller"
KEY = "https://vault.example/webhooks/p/c/key?call=1&then=%26"
STATUS = "https://vault.example/webhooks/p/c?a=1&b=2"
HEARD = "https://vault.example/webhooks/p/c/heard?a=1&b=2#rc=2"

NOTICE = Play(text="This call is recorded.", language="en-GB")
GERMAN = Play(text="Dieses Gespräch wird aufgezeichnet.", language="de")
SOUND = Play(text="This call is recorded.", language="en-GB", audio_url=AUDIO)
PROMPT = Play(text="Press 1 to decline.", language="en")

SCRIPTS: dict[str, CallFlow] = {
    "announce, record and go on": (NOTICE, Record(status_url=STATUS), Redirect(url=HEARD)),
    "announce with audio": (SOUND, Redirect(url=HEARD)),
    "ask, record and go on": (
        Gather(prompt=PROMPT, answer_url=KEY),
        Record(status_url=STATUS),
        Redirect(url=HEARD),
    ),
    "ask with audio and patience": (Gather(prompt=SOUND, answer_url=KEY, seconds=9), Redirect(url=HEARD)),
    "two languages": (NOTICE, GERMAN, Record(status_url=STATUS)),
    "go on without a word": (Redirect(url=HEARD),),
    "nothing": (),
}

HOSTILE = {
    "markup": "</Say><Dial>+19005550100</Dial><!-- & ]]> &amp; &#0; <![CDATA[",
    "quotes": "\"Recorded\", 'said' she.",
    "SSML": "<speak><break time='10s'/>Recorded.</speak>",
    "emoji": "Recorded \U0001f4de\U0001f1e9\U0001f1ea.",
    "right to left": "\u200f\u0647\u0630\u0647 \u0645\u0643\u0627\u0644\u0645\u0629 \u202eRecorded\u202c.",
    "line ends": "One.\r\nTwo.\tThree.\u2028Four.",
    "control characters": "A\x00B\x08C\x0bD\x1fE\x7fF\x85G\ufffeH\uffffI",
    "half a pair": "A\ud800B\udfffC",
    "declaration": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>&b;',
}
#: 5,000 characters: of sentences, of words, of one word, and of two and four bytes each.
LONG = {
    "sentences": "This call is recorded. " * 217 + "It is kept",
    "words": ("recorded " * 556)[:5000],
    "one word": "x" * 5000,
    "two bytes": "\u0645" * 5000,
    "four bytes": "\U0001f4de" * 5000,
}


def read(document: Document) -> Element:
    """Return the XML of a document, which says that it is XML and in UTF-8."""
    assert document.media_type == "application/xml"
    assert document.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Response')
    return fromstring(document.body)  # noqa: S314 - a document of our own


def canonical(xml: str | bytes) -> str:
    """Return the XML as everybody who means the same writes it."""
    return canonicalize(xml.decode() if isinstance(xml, bytes) else xml)


def asked_or_invalid(step: Callable[[], CallStep]) -> CallStep | None:
    """Return what a request says, None for Invalid, which names its field; anything else gets out."""
    try:
        said = step()
    except Invalid as error:
        assert error.field
        return None
    assert said.facts.call_ref
    assert said.key is None or said.key in "0123456789*#"
    return said
