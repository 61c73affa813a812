"""Build the services of holds, retention policies, and requests of people."""

from typing import TypedDict

from vault.composition_parts import Adapters, Parts, build_recipient_entries
from vault.services.requests.callbacks import Callbacks
from vault.services.requests.closures import Closures
from vault.services.requests.name_informed import NameInformed
from vault.services.requests.open_callback import OpenCallback
from vault.services.requests.packages import Packages
from vault.services.requests.read_receipt import ReadReceipt
from vault.services.requests.receipts import Receipts
from vault.services.requests.requests import Requests
from vault.services.retention.contact_ends import ContactEnds
from vault.services.retention.hold_release import HoldReleases
from vault.services.retention.holds import Holds
from vault.services.retention.preview_policy import PreviewPolicy
from vault.services.retention.recording_retention import ShowRetention
from vault.services.retention.retention_policy import RetentionSettings
from vault.tracing import traced


class Rights(TypedDict):
    """The services by their names in ``Vault``."""

    holds: Holds
    hold_releases: HoldReleases
    retention: RetentionSettings
    preview_retention: PreviewPolicy
    contact_ends: ContactEnds
    show_retention: ShowRetention
    requests: Requests
    receipts: Receipts
    packages: Packages
    closures: Closures
    callbacks: Callbacks


def build_rights(adapters: Adapters, parts: Parts) -> Rights:
    """Build the services."""
    database, data_keys = parts.database, parts.data_keys
    return {
        "holds": traced(Holds)(database=database, data_keys=data_keys, place_hold=parts.place_hold),
        "hold_releases": traced(HoldReleases)(database=database, asking=parts.ask_approval),
        "retention": traced(RetentionSettings)(
            database=database, data_keys=data_keys, objects=adapters.objects
        ),
        "preview_retention": traced(PreviewPolicy)(database=database, compute=parts.compute_terms),
        "contact_ends": traced(ContactEnds)(
            database=database, certain_numbers=parts.find_person.certain_numbers, clock=adapters.clock
        ),
        "show_retention": build_show_retention(parts),
        "requests": _requests(adapters, parts),
        "receipts": traced(Receipts)(read_receipt=build_read_receipt(adapters, parts)),
        "packages": _packages(adapters, parts),
        "callbacks": traced(Callbacks)(
            database=database,
            data_keys=data_keys,
            open_callback=build_open_callback(parts),
            rest=adapters.rest,
        ),
        "closures": traced(Closures)(database=database, sealed=parts.sealed_requests, clock=adapters.clock),
    }


def _requests(adapters: Adapters, parts: Parts) -> Requests:
    return traced(Requests)(
        database=parts.database,
        sealed=parts.sealed_requests,
        find=parts.find_person,
        speaker=parts.find_speaker,
        name_informed=NameInformed(recipients=build_recipient_entries(adapters, parts)),
        clock=adapters.clock,
    )


def _packages(adapters: Adapters, parts: Parts) -> Packages:
    return traced(Packages)(
        database=parts.database, ring=adapters.ring, objects=adapters.objects, clock=adapters.clock
    )


def build_show_retention(parts: Parts) -> ShowRetention:
    """Build what tells the retention of a recording: for REST, and for the packages of people."""
    return traced(ShowRetention)(
        database=parts.database, data_keys=parts.data_keys, compute=parts.compute_terms
    )


def build_read_receipt(adapters: Adapters, parts: Parts) -> ReadReceipt:
    """Build what reads receipts: for their service, and for the packages that contain them."""
    return ReadReceipt(
        database=parts.database,
        ring=adapters.ring,
        anchor=parts.anchor,
        signer=adapters.signer,
        threads=adapters.threads,
    )


def build_open_callback(parts: Parts) -> OpenCallback:
    """Build what opens the callback of an account."""
    return OpenCallback(database=parts.database, data_keys=parts.data_keys)
