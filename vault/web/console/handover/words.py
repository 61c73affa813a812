"""What the pages of hand-over print: words of codes, and each system's fields with where their values are found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.domain.handover.integration import IntegrationState, Matching, OnRestriction
from vault.web.http.translations import translatable

INTEGRATION_STATES: Final[Mapping[IntegrationState, str]] = translatable(
    {"active": "hands over", "paused": "paused", "removing": "removes everything", "ended": "ended"}
)
#: How each is coloured.
INTEGRATION_TONES: Final[Mapping[IntegrationState, str]] = {
    "active": "good", "paused": "warn", "removing": "warn", "ended": "quiet",
}  # fmt: skip
CONTACT_KINDS: Final[Mapping[str, str]] = translatable(
    {"contact": "contact", "lead": "lead", "account": "company", "person": "person", "user": "user"}
)
MATCHINGS: Final[Mapping[Matching, str]] = translatable(
    {"hold": "ask a person", "newest": "take the contact that was changed last"}
)
ON_RESTRICTIONS: Final[Mapping[OnRestriction, str]] = translatable(
    {"redact": "leave a record that says so, and nothing else", "remove": "remove the record"}
)


@dataclass(frozen=True, slots=True)
class FieldWords:
    """A field of a system in the words of its form."""

    label: str
    #: Where its value is found, or what it must be.
    hint: str
    #: For a choice: its values and their words. The empty one is the default.
    options: Mapping[str, str] | None = None


_OPEN_OR_NEW: Final = translatable(
    {"": "to an open ticket of the contact, if there is one", "new": "always to a new ticket"}
)
_CASES: Final = translatable({"": "as is usual for it", "case": "beside the open case", "none": "alone"})
_API_BASE: Final = FieldWords(
    translatable("Address of a simulated system"), translatable("Empty: the system itself")
)
_SALESFORCE: Final = {
    "instance_url": FieldWords(
        translatable("Address of your organization"),
        translatable("Such as https://example.my.salesforce.com; empty: learnt at the sign-in"),
    ),
    "login_host": FieldWords(
        translatable("Where people sign in"),
        translatable("Empty: login.salesforce.com; for a sandbox test.salesforce.com"),
    ),
    "api_version": FieldWords(translatable("Version of the API"), translatable("Empty: v66.0")),
    "attach": FieldWords(
        translatable("Where a call is written"), translatable("A completed task at the contact"), _CASES
    ),
}
#: Of an app that people authorize; systems call its parts by several names.
CLIENT_WORDS: Final[Mapping[str, FieldWords]] = {
    "client_id": FieldWords(
        translatable("Id of your app"),
        translatable("The system may call it client id, consumer key or app id"),
    ),
    "client_secret": FieldWords(
        translatable("Secret of your app"), translatable("It is sealed, and no page shows it again")
    ),
}
#: By the system's name and the field's. The static key is ``key``.
FIELDS: Final[Mapping[str, Mapping[str, FieldWords]]] = {
    "hubspot": {
        "key": FieldWords(
            translatable("Service key"),
            translatable("Made in HubSpot; it may read and write contacts"),
        ),
        "id_property": FieldWords(
            translatable("Property for the reference (optional)"),
            translatable("Its internal name; a property of calls with unique values, one line of text"),
        ),
    },
    "zendesk": {
        "subdomain": FieldWords(
            translatable("First part of your address"), translatable("example in example.zendesk.com")
        ),
        "attach": FieldWords(
            translatable("Where a call is written"), translatable("A private comment"), _OPEN_OR_NEW
        ),
    },
    "salesforce": _SALESFORCE,
    "desk": _SALESFORCE,
    "slack": {
        "key": FieldWords(
            translatable("Bot token"),
            translatable("On the OAuth page of your Slack app; it begins with xoxb-"),
        ),
        "channel": FieldWords(
            translatable("Id of the channel"),
            translatable("In the details of the channel, such as C0123456789; invite the app there"),
        ),
    },
    "pipedrive": {
        "key": FieldWords(
            translatable("API token"), translatable("In the personal preferences of a user who sees all people")
        ),
        "company": FieldWords(
            translatable("First part of your address"),
            translatable("Required with an API token: example in example.pipedrive.com"),
        ),
    },
    "intercom": {
        "key": FieldWords(
            translatable("Access token"), translatable("Of an Intercom app of your own, under Authentication")
        ),
        "admin_id": FieldWords(
            translatable("Id of an admin"), translatable("Who writes for agents that Intercom does not know")
        ),
        "region": FieldWords(
            translatable("Region of the workspace"),
            translatable("Where Intercom keeps your data"),
            translatable({"": "United States", "eu": "European Union", "au": "Australia"}),
        ),
        "ticket_type_id": FieldWords(
            translatable("Id of a ticket type (optional)"),
            translatable("A back-office type, for contacts without an open conversation"),
        ),
    },
    "freshdesk": {
        "key": FieldWords(
            translatable("API key"), translatable("In the profile settings of an agent; it ends when the agent leaves")
        ),
        "domain": FieldWords(
            translatable("First part of your address"), translatable("example in example.freshdesk.com")
        ),
        "attach": FieldWords(
            translatable("Where a call is written"), translatable("A private note"), _OPEN_OR_NEW
        ),
    },
    "zoho": {
        "data_center": FieldWords(
            translatable("End of your Zoho address"), translatable("Such as com, eu, in or com.au")
        ),
    },
    "front": {
        "key": FieldWords(
            translatable("API token"), translatable("Of the company, in the settings of Front for developers")
        ),
        "author_id": FieldWords(
            translatable("Id of a teammate (optional)"),
            translatable("Who comments for agents that Front does not know, such as tea_55c8c149"),
        ),
    },
    "helpscout": {
        "mailbox_id": FieldWords(
            translatable("Id of the inbox"), translatable("The number in the address of the inbox for calls")
        ),
    },
    "zapier": {
        "key": FieldWords(
            translatable("Address of the Catch Hook"),
            translatable("Shown by the trigger of your Zap; sealed, because who has it can start the Zap"),
        ),
    },
    "webhook": {
        "key": FieldWords(
            translatable("Signing secret"),
            translatable(
                "whsec_ and base64 of 24 to 64 random bytes; to replace it, the new and the former one with a blank"
            ),
        ),
        "url": FieldWords(
            translatable("Address of your program"),
            translatable("Such as https://calls.example.com/vault; on port 443, and public"),
        ),
    },
}  # fmt: skip


def words_of(system: str, field: str) -> FieldWords:
    """Return the words of a field; of one that has none, its name."""
    if field == "api_base":
        return _API_BASE
    return FIELDS.get(system, {}).get(field, FieldWords(field, ""))
