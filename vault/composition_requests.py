"""Build the job that carries out decisions on requests of people, and makes their packages."""

from vault.composition_parts import Adapters, Parts, build_recipient_entries
from vault.composition_registers import build_processing_records, page_texts
from vault.composition_rights import build_read_receipt, build_show_retention
from vault.services.requests.add_statement import AddStatement
from vault.services.requests.close_account import CloseAccount
from vault.services.requests.erase_account import EraseAccount
from vault.services.requests.erase_decided import EraseDecided
from vault.services.requests.execute import ExecuteRequests
from vault.services.requests.export_account import ExportAccount
from vault.services.requests.legal_minimum import LegalMinimum
from vault.services.requests.make_package import MakePackage
from vault.services.requests.make_receipt import MakeReceipt
from vault.services.requests.package_about import PackageAbout
from vault.services.requests.package_audio import PackageAudio
from vault.services.requests.package_contents import PackageContents
from vault.services.requests.package_files import PackageFiles
from vault.services.requests.seal_package import SealPackage
from vault.services.shared.begin_rotation import BeginRotation
from vault.settings import Settings
from vault.tracing import traced


def build_execute_requests(settings: Settings, adapters: Adapters, parts: Parts) -> ExecuteRequests:
    """Build the job."""
    receipts = MakeReceipt(
        database=parts.database, ring=adapters.ring, objects=adapters.objects, signer=adapters.signer
    )
    contents = PackageContents(database=parts.database, read_receipt=build_read_receipt(adapters, parts))
    files = PackageFiles(
        database=parts.database,
        speaker=parts.find_speaker,
        audio=PackageAudio(objects=adapters.objects, describer=adapters.describer),
        contents=contents,
        about=_package_about(settings, adapters, parts),
        signer=adapters.signer,
    )
    seal = SealPackage(
        database=parts.database, ring=adapters.ring, objects=adapters.objects, threads=adapters.threads
    )
    return traced(ExecuteRequests)(
        database=parts.database,
        sealed=parts.sealed_requests,
        find=parts.find_person,
        erase=_erase_decided(adapters, parts),
        add_statement=AddStatement(database=parts.database, sealed=parts.sealed_requests, chain=parts.chain),
        restriction=parts.restriction,
        objection_list=parts.objection_list,
        make_package=MakePackage(database=parts.database, contents=contents, files=files, seal=seal),
        receipts=receipts,
        close_account=CloseAccount(
            database=parts.database,
            sealed=parts.sealed_requests,
            export=ExportAccount(database=parts.database, files=files, seal=seal),
            erase=EraseAccount(database=parts.database, admission=parts.admission),
            begin_rotation=BeginRotation(database=parts.database, ring=adapters.ring),
            receipts=receipts,
        ),
    )


def _erase_decided(adapters: Adapters, parts: Parts) -> EraseDecided:
    return EraseDecided(
        database=parts.database,
        sealed=parts.sealed_requests,
        admission=parts.admission,
        legal_minimum=LegalMinimum(retention=build_show_retention(parts)),
        objects=adapters.objects,
    )


def _package_about(settings: Settings, adapters: Adapters, parts: Parts) -> PackageAbout:
    return PackageAbout(
        database=parts.database,
        speaker=parts.find_speaker,
        recipients=build_recipient_entries(adapters, parts),
        record=build_processing_records(settings, adapters, parts).read,
        retention=build_show_retention(parts),
        # The page of a package is in English.
        texts=page_texts()["en"],
    )
