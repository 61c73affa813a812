"""The page of the documentation that shows the pictures of the console, and what each of them shows."""

from collections.abc import Mapping
from typing import Final

from tests.support.console_album import LOOKS

#: Sections of the page, and what the pictures of each show, by the name of the picture.
CAPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "Sign in": {
        "sign-in": "The sign-in page, for a browser that has not used a provider yet",
        "sign-in-once": "An address that signs in once: nothing happens before the button",
        "accounts": "An operator chooses an account",
    },
    "Overview": {
        "overview": "The recording switch, what needs somebody, and the last 14 days",
        "calls-without": "Calls that ended and have no recording",
        "usage": "What the account uses, by day or month",
        "switch-off": "To switch recording off, the name of the account is typed",
    },
    "Recordings": {
        "recordings": "The newest recordings, and the search",
        "recordings-found": "A number is found in any spelling",
        "recording": "A recording: the call, listening with a purpose, history, links",
        "recording-restricted": "A recording that is restricted",
        "card-data": "Keyed digits that were found, to be removed or dismissed",
        "card-data-back-fill": "The same search in recordings that were there before the policy",
        "share": "A link for somebody else: for how long, how often, from where",
        "share-made": "The address of a link is shown once",
        "evidence": "Why the recording was allowed, as it was sealed",
    },
    "Quarantine": {
        "quarantine": "What waits, why, and until when",
        "quarantine-preview": "A release before it is carried out",
        "quarantine-result": "What a release has done",
    },
    "Consent": {
        "consent": "The consent policy",
        "notices": "Notices",
        "notice": "A published notice",
        "notice-new": "The draft of a notice",
        "rules": "The rule of a place",
        "objections": "Numbers that must not be recorded",
    },
    "People listening": {
        "people": "Links by their listeners",
        "people-found": "The links of one person, and the button that revokes all of them",
    },
    "Retention and holds": {
        "retention": "The retention policy that waits",
        "retention-change": "A change of the policy",
        "retention-preview": "What the change would do to the recordings of today",
        "holds": "Holds",
        "hold": "A hold",
        "hold-release": "What would leave if the hold were released",
        "hold-new": "A new hold",
    },
    "Requests": {
        "requests": "Requests of people with their clocks",
        "request": "A request to be decided",
        "request-decision": "The decision in numbers, before it is carried out",
        "request-mistake": "A form that is shown again says what is missing",
        "request-closed": "A closed request with its receipt",
        "request-new": "Enter a request",
        "request-callback": "Where changes of requests are sent",
        "request-callback-set": "The secret of a new callback is shown once",
        "closure": "What the closure of the account would erase",
    },
    "Registers": {
        "registers": "The record of processing",
        "record-change": "The part of the record that no setting says",
        "recipients": "Recipients and sub-processors",
        "recipient": "A recipient",
        "recipient-new": "Enter a recipient",
        "disclosures": "Who got which recording",
        "authorities": "Requests of authorities",
        "authority": "A request of an authority with its answer",
        "authority-new": "Enter a request of an authority",
    },
    "Approvals": {
        "approvals": "What waits for a second person, and the rule",
        "approval": "What would be approved",
        "approve": "To approve, the name of the account is typed",
    },
    "Connections": {
        "connections": "Telephony platforms",
        "account": "The account's name, language and limits",
        "connection": "What to enter at the platform",
        "deliveries": "What was answered to a platform",
        "events": "Endpoints that receive events, with their health",
        "event-endpoint": "An endpoint: test, send again, new secret, types",
        "event-deliveries": "What was sent to an endpoint, and what it answered",
        "integrations": "Systems to which calls are handed over, with their health",
        "integration-systems": "Choose a system",
        "integration-new": "Its key, who receives the calls, and what is handed over",
        "integration-new-app": "A system that a person authorizes: the app, and its redirect address",
        "integration-preview": "What the system would get, before it is activated",
        "integration": "An integration: state, change, calls from before, end",
        "integration-refused": "A system that refuses its key, and where a new one is set",
        "integration-app": "A system that waits for its authorization",
        "integration-authorize": "The way to the page of the system",
        "integration-last-calls": "The last calls as an active system gets them",
        "integration-count": "Calls from before are counted first",
        "integration-end": "What it means to remove everything and end",
        "handovers": "Calls in other systems by state",
        "handovers-held": "Which of several contacts a call belongs to: one click",
        "connection-platforms": "Choose the platform to connect",
        "connection-new": "Connect Twilio: each credential under its own name",
        "keys": "The account's key, and keys that sign links",
        "link-key": "Register a customer's key that signs links",
        "link-cuts": "Refuse what customers' keys have signed",
    },
    "Access": {
        "access": "Sessions, people and the sign-in connection",
        "member-new": "Invite a person who signs in by a passkey",
        "member": "An invited person: roles, and another address",
        "sign-in-new": "Connect a sign-in provider",
        "sign-in-connection": "A sign-in connection and its roles",
        "api-keys": "API keys",
        "api-key-made": "A new key is shown once",
    },
    "Log": {
        "log": "The log, in words and with proofs",
        "checkpoint": "The checkpoint to keep, what came after it, and exports",
        "verify": "Verify a receipt or a proof",
        "verified": "A receipt that is right",
    },
    "Errors": {
        "no-scope": "A page whose scope is missing",
        "not-found": "A page that is not there",
    },
    "Pages for others": {
        "listener-link": "A link, before it is opened",
        "listener-player": "The player",
        "listener-not-valid": "A link that opens nothing",
        "listener-doorway": "A doorway",
        "caller-privacy": "The privacy page for callers",
    },
}
_WORDS: Final = {"dark": "dark", "phone": "on a phone", "phone-dark": "on a phone, dark"}
_HEAD: Final = """# Pages of the console in pictures

Every page of the [console](console.md), and the pages that listeners and callers see: light and dark, 1280 and 390
pixels wide. Long pages are cut off. `make pictures` makes this page and its pictures from an example account.
"""
_TAIL: Final = """
## Next

- [Console](console.md): what each page needs.
- [Share a recording](share-a-recording.md): links and the player.
"""


def written() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD]
    for section, captions in CAPTIONS.items():
        parts.append(f"\n## {section}\n")
        for name, caption in captions.items():
            others = ", ".join(f"[{words}](pictures/{name}-{look}.webp)" for look, words in _WORDS.items())
            parts.append(f"\n{caption} ({others}):\n\n![{caption}](pictures/{name}-light.webp)\n")
    return "".join([*parts, _TAIL])


def file_names() -> set[str]:
    """Return the names of all pictures."""
    names = [name for captions in CAPTIONS.values() for name in captions]
    return {f"{name}-{look}.webp" for name in names for look in LOOKS}
