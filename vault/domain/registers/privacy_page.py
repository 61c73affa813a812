"""The privacy page for callers, to which the second layer of a notice links (GDPR art. 13), in several languages.

Their texts are in one file with those of the other page for people outside, that of a package
(``vault/domain/registers/package_page.py``).
"""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from vault.domain.notices.notice import base_language
from vault.domain.registers.entries import Contact, LegalBasis, ProcessingProfile, Purpose, Recipient
from vault.domain.requests.package import LeftOut
from vault.domain.retention.period import Period
from vault.domain.retention.policy import RetentionClass

#: Texts that every language has: headings, sentences, and one per legal basis.
_TEXTS = frozenset(
    {
        "title", "controller", "joint_controllers", "representative", "officer", "purposes", "data", "persons",
        "period", "kept_until_erased", "recipients", "no_recipients", "rights", "withdraw", "requests_to", "complaint",
        "complaint_to", "languages", "kept_by_kind", "at_least",
        "more_recipients",
    }
)  # fmt: skip
_PACKAGE = frozenset(
    {
        "title", "answer", "until", "part", "calls", "no_calls", "call", "length", "caller", "callee", "number",
        "own_voice", "whole", "echo", "open", "details", "other", "check", "check_text", "check_receipts", "left_out",
    }
)  # fmt: skip
#: Files of a package by their names, and the folder of receipts.
_PACKAGE_FILES = frozenset(
    {
        "evidence.json", "notes.json", "metadata.json", "consultations.json", "retention.json", "recording.vcon.json",
        "about.json", "calls.json", "request.json", "receipts",
    }
)  # fmt: skip
_LEFT_OUT = frozenset(get_args(LeftOut))
_BASES = frozenset(get_args(LegalBasis))
_TABLES = {
    "language", "name", "rights", "texts", "legal_bases", "units", "package", "package_files", "left_out", "calendar",
}  # fmt: skip
_UNITS = ("years", "months", "days")
_MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTexts:
    """The fixed texts of one language."""

    language: str
    #: The language's own name.
    name: str
    texts: Mapping[str, str]
    rights: Sequence[str]
    legal_bases: Mapping[str, str]
    #: Years, months and days: the word for one, and for several.
    units: Mapping[str, Sequence[str]]
    #: Of the page of a package.
    package: Mapping[str, str]
    package_files: Mapping[str, str]
    left_out: Mapping[LeftOut, str]
    #: With the holes ``day``, ``month`` and ``year``.
    date: str
    #: The names of the months, in order.
    months: Sequence[str]

    def day(self, moment: datetime) -> str:
        """Return the date of a moment in words."""
        month = self.months[moment.month - 1]
        return self.date.format(day=moment.day, month=month, year=moment.year)

    def spell(self, period: Period) -> str:
        """Return a period in words, such as ``1 year 6 months``."""
        years, months = divmod(period.months, _MONTHS)
        numbers = zip(_UNITS, (years, months, period.days), strict=True)
        return " ".join(f"{number} {self.units[unit][number > 1]}" for unit, number in numbers if number)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicRecipient:
    """A recipient as the page shows it: without contact person and contract."""

    name: str
    purpose: str
    country: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyPage:
    """The content of the page for callers. All of it is public."""

    id: str
    #: The account's language.
    language: str
    controller: Contact
    joint_controllers: tuple[Contact, ...]
    representative: Contact | None
    officer: Contact | None
    purposes: tuple[Purpose, ...]
    persons: tuple[str, ...]
    data: tuple[str, ...]
    recipients: tuple[PublicRecipient, ...]
    #: Whether there are, or may be, recipients that it does not name.
    has_more_recipients: bool
    requests_to: str
    authority: str
    #: How long recordings are kept, each period once, the shortest first; and those that only have a minimum.
    kept: tuple[Period, ...] = ()
    kept_at_least: tuple[Period, ...] = ()

    @property
    def can_withdraw(self) -> bool:
        """Return whether a purpose rests on consent, which can be withdrawn (art. 13(2)(c))."""
        return any(purpose.legal_basis == "consent" for purpose in self.purposes)


def make_page(
    page_id: str,
    locale: str,
    profile: ProcessingProfile,
    recipients: Sequence[Recipient],
    classes: Sequence[RetentionClass],
    *,
    unnamed_parts: Collection[str] = (),
) -> PrivacyPage | None:
    """Return the page of a profile; None unless it is published.

    ``unnamed_parts``: what somebody outside runs, of whom no recipient is entered.
    """
    if not profile.published or profile.controller is None:
        return None
    shown = [each for each in recipients if each.public]
    ends = [[end for end in (one.maximum, one.period) if end is not None] for one in classes]
    least = {one.minimum for one, end in zip(classes, ends, strict=True) if not end and one.minimum}
    return PrivacyPage(
        id=page_id,
        language=base_language(locale),
        controller=profile.controller,
        joint_controllers=profile.joint_controllers,
        representative=profile.representative,
        officer=profile.officer,
        purposes=profile.purposes,
        persons=profile.persons,
        data=profile.data,
        recipients=tuple(
            PublicRecipient(name=each.name, purpose=each.purpose, country=each.country) for each in shown
        ),
        has_more_recipients=len(shown) < len(recipients) or bool(unnamed_parts),
        requests_to=profile.requests_to,
        authority=profile.authority,
        kept=_in_order({min(end, key=_length) for end in ends if end}),
        kept_at_least=_in_order(least),
    )


def _in_order(periods: Collection[Period]) -> tuple[Period, ...]:
    return tuple(sorted(periods, key=_length))


def _length(period: Period) -> int:
    return period.most_days


def parse_page_texts(source: str) -> PageTexts:
    """Parse the TOML file of one language. Raises KeyError or ValueError for a missing, unknown or empty text."""
    data = tomllib.loads(source)
    texts, bases, rights = data["texts"], data["legal_bases"], data["rights"]
    complete = set(texts) == _TEXTS and set(bases) == _BASES and set(data) == _TABLES
    units = data["units"]
    complete = complete and set(units) == set(_UNITS)
    package, files, left_out, calendar = (
        data[name] for name in ("package", "package_files", "left_out", "calendar")
    )
    complete = complete and set(package) == _PACKAGE and set(files) == _PACKAGE_FILES
    complete = complete and set(left_out) == _LEFT_OUT and len(calendar["months"]) == _MONTHS
    words = [word for unit in units.values() for word in unit]
    words += [*package.values(), *files.values(), *left_out.values(), *calendar["months"], calendar["date"]]
    values = [*texts.values(), *bases.values(), *rights, *words, data["language"], data["name"]]
    if not complete or not all(isinstance(value, str) and value.strip() for value in values):
        raise ValueError("A file of privacy texts has a missing, unknown or empty text.")
    return PageTexts(
        language=data["language"],
        name=data["name"],
        texts=texts,
        rights=tuple(rights),
        legal_bases=bases,
        units=units,
        package=package,
        package_files=files,
        left_out=left_out,
        date=calendar["date"],
        months=calendar["months"],
    )
