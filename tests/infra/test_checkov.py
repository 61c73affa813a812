"""checkov, which lives in an environment of its own: clean, but for the exceptions that are listed here."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.infra.templates import INFRA, ROOT
from tests.servers.required import go_without

PYTHON = ROOT / ".venv-infra" / "bin" / "python"
#: Each with its reason in the template.
EXCEPTIONS = {
    ("CKV_AWS_18", "BucketLogs"),
    ("CKV_AWS_91", "LoadBalancer"),
    ("CKV_AWS_161", "Database"),
    ("CKV_AWS_260", "LoadBalancerGroup"),
}


def checked(folder: Path) -> dict[str, Any]:
    """Return checkov's report on the templates of a folder."""
    if not PYTHON.exists():
        go_without("needs checkov: make infra-tools")
    asked = [
        "--skip-download",
        "--framework",
        "cloudformation",
        "--output",
        "json",
        "--directory",
        str(folder),
    ]
    ran = subprocess.run(
        [str(PYTHON), "-m", "checkov.main", *asked], capture_output=True, text=True, check=False
    )
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def test_checkov_finds_one_open_disk_and_listed_exceptions(tmp_path: Path) -> None:
    """In the templates and a copy with its disk unencrypted, that disk alone fails; each exception has a reason."""
    folder = tmp_path / "templates"
    shutil.copytree(INFRA, folder)
    text = (INFRA / "database.yaml").read_text()
    assert "StorageEncrypted: true" in text
    (folder / "open.yaml").write_text(text.replace("StorageEncrypted: true", "StorageEncrypted: false"))
    report = checked(folder)
    failed = [(one["check_id"], one["file_path"]) for one in report["results"]["failed_checks"]]
    assert failed == [("CKV_AWS_16", "/open.yaml")]
    assert (report["summary"]["parsing_errors"], report["summary"]["passed"] > 100) == (0, True)
    skipped = report["results"]["skipped_checks"]
    assert {(one["check_id"], one["resource"].split(".")[1]) for one in skipped} == EXCEPTIONS
    assert all(len(one["check_result"]["suppress_comment"].split()) > 5 for one in skipped)
