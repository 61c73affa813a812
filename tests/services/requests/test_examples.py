"""The committed examples of what people and authorities get: they are what this release makes, and they verify."""

import json
from pathlib import Path

from examples import verify_receipt as script
from tests.services.requests.people import PERSON
from tests.services.requests.proving import is_refused
from vault.domain.requests.receipt import commitment
from vault.tlog.receipt_file import verify_receipt
from vault.web.schemas.registers.processing_record import ProcessingRecordOut

_RIGHTS = Path(script.__file__).parent / "rights"


def test_the_receipt_verifies_and_is_refused_after_a_change():
    """With the key beside it, by both verifiers; it is about the number that its page names."""
    file, key = (_RIGHTS / "receipt.json").read_bytes(), (_RIGHTS / "log.key").read_text().strip()
    statement = verify_receipt(file).statement
    assert script.verify(file, key) == statement
    assert [one["outcome"] for one in statement["recordings"]] == ["erased"]
    assert statement["subject"]["commitments"] == [
        commitment(bytes.fromhex(statement["subject"]["salt"]), PERSON)
    ]
    assert is_refused(file.replace(b'"erased"', b'"kept"', 1))


def test_the_listing_of_a_package_has_every_kind_of_file():
    """Audio, vCon and evidence of a recording, and the files about all of them."""
    lines = (_RIGHTS / "package.txt").read_text().splitlines()
    names = [line.split()[1] for line in lines]
    assert {name.rsplit("/", 1)[-1] for name in names} == {
        "audio.wav", "recording.vcon.json", "evidence.json", "consultations.json", "request.json", "index.html",
        "SHA256SUMS",
    }  # fmt: skip


def test_the_record_of_processing_has_the_fields_of_this_release():
    """Fields that have no value are left out."""
    shown = json.loads((_RIGHTS / "processing-record.json").read_text())
    assert set(shown) <= set(ProcessingRecordOut.model_fields)
    assert {"account", "missing", "categories", "periods", "measures", "places"} <= set(shown)
