"""What the pages of the registers print: words of codes of the record, recipients, disclosures and authorities."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from vault.domain.registers.entries import (
    AuthorityAccess,
    AuthorityDecision,
    AuthorityRequestKind,
    AuthorityScope,
    ContractStatus,
    LegalBasis,
    RecipientRole,
    Safeguard,
)
from vault.domain.registers.processing_record import PeriodCode
from vault.services.registers.disclosures import DisclosureKind
from vault.web.http.translations import gettext, translatable, translated

BASES: Final[Mapping[LegalBasis, str]] = translatable(
    {
        "consent": "consent, art. 6(1)(a)",
        "contract": "contract, art. 6(1)(b)",
        "legal_obligation": "legal obligation, art. 6(1)(c)",
        "vital_interests": "vital interests, art. 6(1)(d)",
        "public_task": "public task, art. 6(1)(e)",
        "legitimate_interests": "legitimate interests, art. 6(1)(f)",
    }
)
ROLES: Final[Mapping[RecipientRole, str]] = translatable(
    {
        "processor": "processor",
        "sub_processor": "sub-processor",
        "joint_controller": "joint controller",
        "controller": "controller of its own",
    }
)
SAFEGUARDS: Final[Mapping[Safeguard, str]] = translatable(
    {
        "adequacy": "adequacy decision",
        "standard_clauses": "standard contractual clauses",
        "binding_rules": "binding corporate rules",
        "certification": "certification",
        "derogation": "derogation, art. 49",
    }
)
CONTRACTS: Final[Mapping[ContractStatus, str]] = translatable(
    {
        "none": "no contract",
        "draft": "in preparation",
        "signed": "signed",
        "ended": "contract ended",
    }
)
KINDS: Final[Mapping[AuthorityRequestKind, str]] = translatable(
    {
        "order": "court order",
        "warrant": "warrant",
        "subpoena": "subpoena",
        "emergency": "emergency request",
        "preservation": "preservation request",
        "mutual_legal_assistance": "mutual legal assistance",
        "informal": "informal request",
    }
)
ACCESS: Final[Mapping[AuthorityAccess, str]] = translatable(
    {"stored": "stored recordings", "live": "calls from now on"}
)
SCOPES: Final[Mapping[AuthorityScope, str]] = translatable(
    {"content": "content", "metadata": "facts of calls", "both": "content and facts of calls"}
)
DECISIONS: Final[Mapping[AuthorityDecision, str]] = translatable(
    {
        "complied": "complied with",
        "partly": "complied with in part",
        "refused": "request refused",
        "narrowed": "narrowed",
        "nothing_found": "nothing found",
    }
)
DISCLOSURES: Final[Mapping[DisclosureKind, str]] = translatable(
    {
        "playback": "playback",
        "download": "download",
        "key_export": "export of its key",
        "number_look_up": "look-up of its number",
        "hand_over": "hand-over of its call",
    }
)
PERIODS: Final[Mapping[PeriodCode, str]] = translatable(
    {
        "kept_until_erased": "No policy erases anything by time.",
        "by_class": "By the classes of the retention policy:",
        "unreadable": "The retention policy cannot be read, so nothing is erased by time.",
    }
)
#: Categories of processing and measures of the vault, as ``domain/registers/processing_record.py`` names them.
CATEGORIES: Final[Mapping[str, str]] = translatable(
    {
        "receive_recordings": "receive recordings",
        "receive_from_platforms": "receive recordings from telephony platforms",
        "record_consent": "record consent and objections",
        "store_encrypted": "store recordings encrypted",
        "play_by_link": "play recordings by links",
        "log_access": "log every access",
        "delete_at_platform": "delete the copies at the platform",
    }
)
MEASURES: Final[Mapping[str, str]] = translatable(
    {
        "encrypted_per_recording": "each recording is encrypted under a key of its own",
        "keys_in_key_service": "the root key is in a key service",
        "customer_managed_key": "a customer-managed key wraps the account's key",
        "access_logged_and_provable": "every access is logged, with proofs",
        "access_log_locked": "the access log is locked in the object store",
        "recording_can_be_switched_off": "recording can be switched off for the whole account",
    }
)
#: Parts of the vault that a recipient can run; a connection is named by itself.
PARTS: Final[Mapping[str, str]] = translatable(
    {"object_store": "object store", "database": "database", "root_key": "root key"}
)
_MISSING: Final[Mapping[str, str]] = translatable(
    {
        "controller": "the controller",
        "purposes": "the purposes",
        "persons": "the categories of persons",
        "data": "the categories of data",
        "recipients": "who receives the data",
    }
)


def part_words(part: str) -> str:
    """Return the words of a part of the vault, such as ``connection/main``."""
    kind, _, name = part.partition("/")
    if kind == "connection":
        return gettext("the connection %(name)s", name=name)
    return translated(PARTS.get(part, part))


def missing_words(code: str, names: Mapping[str, str]) -> str:
    """Return the words of what a record lacks. ``names`` are the names of recipients by their ids."""
    kind, _, what = code.partition("/")
    if kind == "recipient":
        return gettext("a recipient for: %(part)s", part=part_words(what))
    if kind == "unnamed":
        return gettext("%(name)s, whom you do not name on the page", name=names.get(what, what))
    if kind == "safeguard":
        return gettext("the safeguard of the transfer to %(name)s", name=names.get(what, what))
    if kind == "region":
        return gettext("where this is: %(part)s", part=part_words(what))
    if kind == "abroad":
        return gettext(
            "the safeguard for %(name)s, outside the region of the vault", name=names.get(what, what)
        )
    return translated(_MISSING.get(code, code))


def missing_path(code: str) -> str:
    """Return the page, below the account's, where somebody enters what a record lacks; empty if there is none."""
    kind, _, what = code.partition("/")
    if kind == "recipient":
        return f"/registers/recipients/new?part={quote(what, safe='')}"
    if kind in {"unnamed", "safeguard"}:
        return f"/registers/recipients/{what}#field-{'public' if kind == 'unnamed' else 'safeguard'}"
    if code == "recipients":
        return "/registers/recipients/new"
    fields = {
        "controller": "controller.name",
        "purposes": "purposes.0.purpose",
        "persons": "persons",
        "data": "data",
    }
    return f"/registers/record/change#field-{fields[code]}" if code in fields else ""
