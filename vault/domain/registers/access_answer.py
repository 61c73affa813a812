"""The description of the whole processing in an answer to a request for access (GDPR art. 15(1) and (2)).

It is read from the registers and the retention policy in force. Recipients are named, also those that have ended:
C-154/21. What nobody has entered is listed as such, and nothing is made up.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vault.domain.registers.entries import Contact, Entry, Purpose, Recipient
from vault.domain.registers.privacy_page import PageTexts
from vault.domain.registers.processing_record import ProcessingRecord
from vault.domain.retention.policy import RetentionClass

#: Letter (h): the vault decides on recordings by the account's rules, and judges no person.
_NO_AUTOMATED_DECISION = (
    "The vault makes no decision about a person that is based solely on automated processing."
)
_SOURCE = "telephony platforms of the account, which are among the recipients"


def answer_json(
    record: ProcessingRecord, recipients: Sequence[Entry[Recipient]], texts: PageTexts
) -> Mapping[str, Any]:
    """Return the answer as data. ``recipients`` are all that ever were."""
    content = record.content
    return {
        "controller": _contact(content.controller),
        "joint_controllers": [_contact(one) for one in content.joint_controllers],
        "representative": _contact(content.representative),
        "data_protection_officer": _contact(content.officer),
        "purposes": [_purpose(one) for one in content.purposes],
        "categories_of_data": list(content.data),
        "recipients": [_recipient(one.content) for one in recipients],
        "kept": None
        if record.settings.retention is None
        else [_kept(one) for one in record.settings.retention],
        "rights": list(texts.rights),
        "requests_to": content.requests_to or None,
        "supervisory_authority": content.authority or None,
        "source": _SOURCE,
        "automated_decisions": _NO_AUTOMATED_DECISION,
        "not_entered": _not_entered(record),
    }


def answer_sections(
    record: ProcessingRecord, recipients: Sequence[Entry[Recipient]], texts: PageTexts
) -> Sequence[tuple[str, Sequence[str]]]:
    """Return the answer as headings with lines, in the language of ``texts``; headings without lines are left out."""
    content, words = record.content, texts.texts
    controllers = [one for one in (content.controller, *content.joint_controllers) if one is not None]
    complaint = [words["complaint"]]
    if content.authority:
        complaint.append(f"{words['complaint_to']} {content.authority}.")
    requests_to = [f"{words['requests_to']} {content.requests_to}."] if content.requests_to else []
    sections: Sequence[tuple[str, Sequence[str]]] = [
        (words["controller"], [_address(one) for one in controllers]),
        (words["officer"], [] if content.officer is None else [_address(content.officer)]),
        (words["purposes"], [_in_words(one, texts) for one in content.purposes]),
        (words["data"], content.data),
        (words["period"], _periods(record, texts)),
        (words["recipients"], _recipients(record, recipients, texts)),
        (words["rights"], [*texts.rights, *requests_to, *complaint]),
    ]
    return [(heading, lines) for heading, lines in sections if lines]


def _not_entered(record: ProcessingRecord) -> Sequence[str]:
    entered = [code for code in record.missing if "/" not in code]
    is_open = any(code.startswith("recipient") for code in record.answer_lacks)
    return [*entered, "recipients"] if is_open else entered


def _recipients(
    record: ProcessingRecord, recipients: Sequence[Entry[Recipient]], texts: PageTexts
) -> Sequence[str]:
    """Return who receives the data; where somebody may be missing, that too."""
    if not recipients:
        return [texts.texts["no_recipients"]]
    named = [_named(one.content) for one in recipients]
    is_open = any(code.startswith("recipient/") for code in record.answer_lacks)
    return [*named, texts.texts["more_recipients"]] if is_open else named


def _contact(one: Contact | None) -> dict[str, str] | None:
    return None if one is None else {"name": one.name, "address": one.address, "contact": one.contact}


def _purpose(one: Purpose) -> dict[str, str]:
    return {"purpose": one.purpose, "legal_basis": one.legal_basis, "explanation": one.explanation}


def _recipient(one: Recipient) -> dict[str, str | None]:
    return {
        "name": one.name,
        "role": one.role,
        "purpose": one.purpose,
        "country": one.country,
        "safeguard": one.safeguard,
        "since": str(one.since),
        "until": None if one.until is None else str(one.until),
    }


def _kept(retention_class: RetentionClass) -> dict[str, str | None]:
    """Return the periods of a class; its purpose is sealed, and ``purposes`` has the controller's words."""
    periods = {name: getattr(retention_class, name) for name in ("period", "minimum", "maximum")}
    return {
        "class": retention_class.name,
        "counted_from": retention_class.starts,
        **{name: None if period is None else str(period) for name, period in periods.items()},
        "statute": retention_class.statute,
    }


def _address(one: Contact) -> str:
    return ", ".join(part for part in (one.name, one.address, one.contact) if part)


def _in_words(one: Purpose, texts: PageTexts) -> str:
    basis = texts.legal_bases[one.legal_basis]
    return f"{one.purpose}: {basis}" + (f", {one.explanation}" if one.explanation else "")


def _named(one: Recipient) -> str:
    return f"{one.name} ({one.country}): {one.purpose}"


def _periods(record: ProcessingRecord, texts: PageTexts) -> Sequence[str]:
    ends = [
        f"{one.name}: {texts.spell(end)}"
        for one in record.settings.retention or ()
        if (end := one.maximum or one.period) is not None
    ]
    return [texts.texts["kept_by_kind"], *ends] if ends else [texts.texts["kept_until_erased"]]
