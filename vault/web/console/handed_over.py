"""Words of what stands of a recording in other systems: for the pages of hand-over, and for that of a recording."""

from collections.abc import Mapping
from typing import Final

from vault.domain.crm.verdict import Residue
from vault.domain.handover.handover import Cause, HandoverState
from vault.web.http.translations import translatable

STATES: Final[Mapping[HandoverState, str]] = translatable(
    {
        "waiting": "not written yet",
        "held": "a person decides",
        "unmatched": "not written",
        "unknown": "written, not confirmed yet",
        "present": "stands there",
        "outdated": "is written anew",
        "restricted": "stands there as restricted",
        "absent": "does not stand there",
        "left": "left there: the connection to the system has ended",
    }
)
TONES: Final[Mapping[HandoverState, str]] = {
    "waiting": "calm", "held": "warn", "unmatched": "quiet", "unknown": "calm", "present": "good",
    "outdated": "calm", "restricted": "warn", "absent": "quiet", "left": "warn",
}  # fmt: skip
CAUSES: Final[Mapping[Cause, str]] = translatable(
    {
        "several_contacts": "several contacts have the number",
        "no_contact": "no contact has the number",
        "refused": "the system refused it",
        "unconfirmed": "it was written, and the system refuses to say whether it stands there",
        "no_number": "the number is withheld or not known",
        "internal_number": "the number is internal",
        "number_objects": "an objection covers the number",
        "switched_off": "recording was off when it was due",
    }
)
RESIDUES: Final[Mapping[Residue, str]] = translatable(
    {
        Residue.EDIT_HISTORY: "former texts in its history, for its editors",
        Residue.RECYCLE_BIN: "a blank record in its recycle bin, for a time",
        Residue.EMPTY_RECORD: "an empty record, because it cannot be deleted",
        Residue.COMPLIANCE_EXPORT: "the text in an export of the organization",
        Residue.FOREIGN_TICKET: "the ticket of somebody else in which it stood",
        Residue.FURTHER_COPIES: "what other automations made of it",
        Residue.TOLD: "whatever it did not remove: it was told to, and the vault cannot look",
    }
)
