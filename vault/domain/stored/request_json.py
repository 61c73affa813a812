"""JSON of the personal data of a request, for its sealed column."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, get_args

from vault.domain.requests.request import (
    Extension,
    Identity,
    IdentityType,
    Informed,
    Packaged,
    Pause,
    PauseReason,
    Period,
    PersonalData,
    Ruling,
    Trace,
    Verdict,
    Verification,
    VerificationMethod,
)
from vault.domain.stored.json_reader import Fields, read_object, write_object


def encode_personal_data(personal: PersonalData) -> bytes:
    """Encode the personal data."""
    values: dict[str, Any] = {
        "reference": personal.reference,
        "identities": [asdict(identity) for identity in personal.identities],
        "channel": personal.channel,
        "period": None if personal.period is None else asdict(personal.period),
        "wish": personal.wish,
        "verification": None if personal.verification is None else asdict(personal.verification),
        "pauses": [asdict(pause) for pause in personal.pauses],
        "extension": None if personal.extension is None else asdict(personal.extension),
        "ruling": None if personal.ruling is None else _encode_ruling_fields(personal.ruling),
    }
    return write_object(values)


def decode_personal_data(data: bytes) -> PersonalData:
    """Decode the personal data. Raises Tampered."""
    fields = read_object(data, "A request")
    period, verification, extension, ruling = (
        fields.maybe_inner(name) for name in ("period", "verification", "extension", "ruling")
    )
    personal = PersonalData(
        reference=fields.text("reference"),
        identities=tuple(_decode_identity_fields(item) for item in fields.items("identities")),
        channel=fields.maybe_text("channel"),
        period=None if period is None else _decode_period_fields(period),
        wish=fields.maybe_text("wish"),
        verification=None if verification is None else _decode_verification_fields(verification),
        pauses=tuple(_decode_pause_fields(item) for item in fields.items("pauses")),
        extension=None if extension is None else _decode_extension_fields(extension),
        ruling=None if ruling is None else _decode_ruling_fields(ruling),
    )
    fields.done()
    return personal


def _decode_identity_fields(fields: Fields) -> Identity:
    identity = Identity(
        type=fields.one_of("type", get_args(IdentityType)),
        value=fields.text("value"),
        region=fields.maybe_text("region"),
        number=fields.maybe_text("number"),
    )
    fields.done()
    return identity


def _decode_period_fields(fields: Fields) -> Period:
    period = Period(since=fields.maybe_moment("since"), until=fields.maybe_moment("until"))
    fields.done()
    return period


def _decode_verification_fields(fields: Fields) -> Verification:
    verification = Verification(
        method=fields.one_of("method", get_args(VerificationMethod)),
        at=fields.moment("at"),
        by=fields.text("by"),
    )
    fields.done()
    return verification


def _decode_pause_fields(fields: Fields) -> Pause:
    pause = Pause(
        reason=fields.one_of("reason", get_args(PauseReason)),
        since=fields.moment("since"),
        until=fields.maybe_moment("until"),
    )
    fields.done()
    return pause


def _decode_extension_fields(fields: Fields) -> Extension:
    extension = Extension(
        until=fields.moment("until"), reason=fields.text("reason"), told_at=fields.moment("told_at")
    )
    fields.done()
    return extension


def _encode_ruling_fields(ruling: Ruling) -> dict[str, Any]:
    verdicts = {name: asdict(verdict) for name, verdict in ruling.verdicts.items()}
    same = {name: getattr(ruling, name) for name in ("recordings", "calls", "reason", "at", "by")}
    traces = {name: asdict(trace) for name, trace in ruling.traces.items()}
    packaged = {} if ruling.packaged is None else {"packaged": asdict(ruling.packaged)}
    informed = {"informed": [asdict(one) for one in ruling.informed]} if ruling.informed else {}
    echoes = {"echoes": list(ruling.echoes)} if ruling.echoes else {}
    return {
        **same,
        **packaged,
        **informed,
        **echoes,
        "default": asdict(ruling.default),
        "verdicts": verdicts,
        "traces": traces,
    }


def _decode_ruling_fields(fields: Fields) -> Ruling:
    ruling = Ruling(
        default=_decode_verdict_fields(fields.inner("default")),
        verdicts=_decode_verdicts_fields(fields.inner("verdicts")),
        recordings=fields.texts("recordings"),
        calls=fields.texts("calls"),
        traces=_decode_traces_fields(fields.inner("traces")),
        reason=fields.maybe_text("reason"),
        # Earlier releases did not note it.
        packaged=fields.optional(lambda name: _decode_packaged_fields(fields.inner(name)), "packaged"),
        informed=fields.optional(_informed_reader(fields), "informed") or (),
        echoes=fields.optional(fields.texts, "echoes") or (),
        at=fields.moment("at"),
        by=fields.text("by"),
    )
    fields.done()
    return ruling


def _informed_reader(fields: Fields) -> Callable[[str], tuple[Informed, ...]]:
    return lambda name: tuple(_decode_informed_fields(item) for item in fields.items(name))


def _decode_informed_fields(fields: Fields) -> Informed:
    informed = Informed(recipient=fields.text("recipient"), name=fields.text("name"), at=fields.moment("at"))
    fields.done()
    return informed


def _decode_packaged_fields(fields: Fields) -> Packaged:
    packaged = Packaged(at=fields.moment("at"), parts=fields.integer("parts", least=1))
    fields.done()
    return packaged


def _decode_verdicts_fields(fields: Fields) -> Mapping[str, Verdict]:
    return {name: _decode_verdict_fields(fields.inner(name)) for name in fields.names()}


def _decode_traces_fields(fields: Fields) -> Mapping[str, Trace]:
    return {name: _decode_trace_fields(fields.inner(name)) for name in fields.names()}


def _decode_trace_fields(fields: Fields) -> Trace:
    trace = Trace(header_sha256=fields.maybe_text("header_sha256"), versions=fields.integer("versions"))
    fields.done()
    return trace


def _decode_verdict_fields(fields: Fields) -> Verdict:
    verdict = Verdict(
        code=fields.text("code"),
        statute=fields.maybe_text("statute"),
        until=fields.maybe_moment("until"),
    )
    fields.done()
    return verdict
