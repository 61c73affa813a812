"""JSON schemas of the events that the customer's own platform sends, for the contract alone.

The route takes raw bytes, because their signature is verified first; ``vault/telephony/providers/standard_webhooks``
parses them. A test compares what it takes and what it refuses with these schemas.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from vault.domain.calls.call import MAX_VOICES, Direction, Voice
from vault.domain.calls.metadata import KEY, MAX_KEYS
from vault.web.schemas.base import NewRef

_REFS: Final = "#/components/schemas/"


_Metadata = Annotated[
    dict[str, str], Field(max_length=MAX_KEYS, json_schema_extra={"propertyNames": {"pattern": KEY}})
]


class _Open(BaseModel):
    """Unknown fields are ignored, so that a platform can send some before the vault supports them."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class CallEventData(_Open):
    """What an event says of a call; a fact that an earlier event reported need not be repeated."""

    #: The platform's name of the call: printable characters, not only spaces.
    call_ref: NewRef
    #: `inbound`: the caller is outside the account; `outbound`: the callee is.
    direction: Direction | None = None
    #: The caller's number; an international one is converted to E.164, any other stays as written.
    caller: Annotated[str | None, Field(alias="from")] = None
    #: The callee's number, as `from`.
    callee: Annotated[str | None, Field(alias="to")] = None
    #: Start of the call, RFC 3339 with an offset.
    started_at: AwareDatetime | None = None
    #: End of the call, RFC 3339 with an offset.
    ended_at: AwareDatetime | None = None
    #: Who spoke for the account.
    agent: str | None = None
    #: Texts of your own, such as the number of an order. Control characters become spaces, and a value is cut after 500
    #: characters.
    metadata: _Metadata | None = None


class RecordingEventData(CallEventData):
    """What an event says of a call and of its recording."""

    #: The platform's name of the recording, unique within the call; of the same characters as `call_ref`.
    recording_ref: NewRef
    #: Where the audio is: an https URL on port 443 of a public address, which stays valid for a day.
    recording_url: Annotated[str, Field(max_length=4096)]
    #: The speaker on each channel, in channel order; with `direction`, players name the agent and the customer.
    voices: Annotated[list[Voice], Field(max_length=MAX_VOICES)] | None = None


class _Event(_Open):
    #: When the event happened, RFC 3339 with an offset.
    timestamp: AwareDatetime | None = None


class CallStartedEvent(_Event):
    """A call began."""

    type: Literal["call.started"]
    data: CallEventData


class CallEndedEvent(_Event):
    """A call ended."""

    type: Literal["call.ended"]
    data: CallEventData


class RecordingCompletedEvent(_Event):
    """A recording of a call is ready; the vault fetches it."""

    type: Literal["recording.completed"]
    data: RecordingEventData


class OtherWebhook(_Open):
    """An event of another type, which is ignored, or the webhook of another provider in its own format."""


#: The models of the platform's events.
EVENTS: Final[tuple[type[BaseModel], ...]] = (CallStartedEvent, CallEndedEvent, RecordingCompletedEvent)
#: The schema of a webhook's body.
BODY: Final[dict[str, Any]] = {
    "anyOf": [
        {
            "oneOf": [{"$ref": f"{_REFS}{model.__name__}"} for model in EVENTS],
            "discriminator": {
                "propertyName": "type",
                "mapping": {
                    model.model_fields["type"].annotation.__args__[0]: f"{_REFS}{model.__name__}"  # type: ignore[union-attr]
                    for model in EVENTS
                },
            },
        },
        {"$ref": f"{_REFS}{OtherWebhook.__name__}"},
    ]
}


def components() -> dict[str, Any]:
    """Return the schemas that ``BODY`` refers to, by name."""
    models = [(model, "validation") for model in (*EVENTS, OtherWebhook)]
    _, schema = models_json_schema(models, ref_template=f"{_REFS}{{model}}")  # type: ignore[arg-type]
    made: dict[str, Any] = schema["$defs"]
    return made


class ReceiptOut(BaseModel):
    """The result of a webhook."""

    status: Literal["accepted", "duplicate", "refused", "erased", "noted", "ignored"]
    recording: str | None = None
    #: Why the event was ignored, or what of it was not stored.
    detail: str | None = None
