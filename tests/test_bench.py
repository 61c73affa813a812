"""The benchmark runs: every part of it, in tiny sizes whose figures say nothing."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.listening import seek
from bench.sizes import QUICK
from vault.domain.playback.link import LOG_ENTRY_BURST

#: One run is enough for all of them, also where the tests are spread over processes.
pytestmark = [pytest.mark.xdist_group("bench"), pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[1]
#: Every figure that `make bench` promises, by part, in the order it is printed.
RATIOS = [
    "committed / not committed",
    "committed / one commit each",
    "committed / not committed",
    "committed / one commit each",
    "Aircall committed / Aircall not committed",
    "Twilio committed / Twilio not committed",
    "slowest p99 of an ack with 500 queued and a media host that hangs",
    "sealed to nowhere / discarded",
    "sealed to nowhere / hashed",
    "sealed to disk / plain to disk",
    "vault / SDK at 4 KiB",
    "vault / SDK at 64 KiB",
    "vault / SDK at 4 KiB",
    "vault / SDK at 64 KiB",
    "in the large one / in the small one",
    "in the large one / without grants",
    "in the large one / without log",
    "played / FileResponse",
    "played / played without log",
    "played / nginx",
    "decided / constant answer",
    "p99 of call start at 200/s",
    "decided / constant answer",
    "p99 of call start at 200/s",
    "in the tree / event alone",
    "in the tree / constant answer",
    "in the tree / event alone",
    "in the tree / constant answer",
    "10,000 events / 100 events",
    "into the tree / without the tree",
    "into the tree / without the tree",
    "session audio / plain file",
    "session audio / without log",
    "listeners of 20 whose sound never stopped",
    "longest silence of a listener",
    "memory at the end / after a third of the time",
    "memory at the end / at the end of the first round",
    *(f"{what} among 1,000 / {what} among 100" for what in ("list", "search", "claim", "sweep") * 2),
    "vault / plain handler",
    "memory that vault grew by",
    "memory that plain handler grew by",
    "vault's session / plain handler's piece",
    "vault's session / pre-signed URL",
    "vault's session / nginx's file",
]
#: What a machine without a Ceph gateway or nginx prints instead of the last ones.
WITHOUT_CEPH = "vault / plain handler"
WITHOUT_NGINX = "vault's session / nginx's file"
#: How many of them have an aim.
AIMS = 24


@pytest.fixture(scope="session")
def printed() -> str:
    """What a quick run prints."""
    command = [sys.executable, "-m", "bench", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=560, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_ratio_is_printed(printed):
    """Each ratio stands on a line of its own with a figure, or with the reason why it cannot be had."""
    line = r"^  > (.+?): (?:[0-9.]+(?: (?:ms|MiB))? \([0-9.]+ to [0-9.]+ in \d+ rounds\)|skipped, )"
    found = re.findall(line, printed, re.MULTILINE)
    expected = RATIOS if "s/GB of processor time" in printed else RATIOS[: RATIOS.index(WITHOUT_CEPH) + 1]
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        expected = [name for name in expected if name != WITHOUT_NGINX]
    assert found == expected


def test_every_webhook_says_what_it_is_compared_with(printed):
    """The baseline's words name what is done with a delivery of that provider, committing aside."""
    baseline = (
        r" not committed .*\n        = the same route in the same process \((.+)\), but its database port"
    )
    platform = "signature, strict JSON, sealing"
    assert re.findall(baseline, printed) == [
        platform,
        platform,
        "call.ended with a recording: strict JSON, the token in it, sealing",
        "recording status callback: strict form, X-Twilio-Signature, sealing",
    ]


def test_every_aim_is_judged(printed):
    """Each aim is named with its verdict."""
    assert len(re.findall(r"aim [<>]= [0-9.]+: (?:met|MISSED)$", printed, re.MULTILINE)) == AIMS


def test_every_variant_is_explained(printed):
    """Behind each raw figure stands in words what was measured."""
    lines = printed.splitlines()
    raw = [
        number
        for number, line in enumerate(lines)
        if re.match(r"    \S.* (req/s|opens/s|events/s|MB/s|ms|time)( |$)", line)
    ]
    assert len(raw) in {66, 67, 71, 73}, "less where nginx or the Ceph gateway is not installed"
    assert all(lines[number + 1].startswith("        = ") for number in raw)


def test_what_was_acknowledged_was_written(printed):
    """The webhook part counts rows: on both databases, of each provider, and beside a queue."""
    counted = re.findall(r"rows in the database: (\d+), acknowledged as durable: (\d+)", printed)
    assert len(counted) == 5
    assert all(rows == acknowledged != "0" for rows, acknowledged in counted)


def test_what_was_decided_at_call_start_was_kept(printed):
    """The call start part counts calls, on both databases."""
    counted = re.findall(r"calls in the database: (\d+), answered with a decision: (\d+)", printed)
    assert len(counted) == 2
    assert all(kept == answered != "0" for kept, answered in counted)


def test_an_open_was_in_the_tree_before_it_was_answered(printed):
    """The part of the opens counts leaves after each round, before anything else brings events in."""
    counted = re.findall(r"leaves .* when the opens were answered: (\d+), opens answered: (\d+)", printed)
    assert len(counted) == 2
    assert all(leaves == answered != "0" for leaves, answered in counted)


def test_a_proof_has_as_many_hashes_as_the_tree_is_high(printed):
    """The longest proofs of the seeded logs, which verify, have one hash for each level."""
    (said,) = re.findall(r"hashes in the longest proof: (.*);", printed)
    assert re.findall(r"(\d+) of ([\d,]+) ", said) == [("7", "100"), ("10", "1,000"), ("14", "10,000")]


def test_what_listeners_received_was_granted(printed):
    """The listeners' part compares what came with the access log, and looks at the memory in each round."""
    ((granted, received),) = re.findall(r"granted in the access log: (\d+), received by .*: (\d+)", printed)
    assert int(granted) >= int(received) > 0
    assert re.findall(r"memory of the server in round (\d), MiB: \d+ before", printed) == ["1", "2"]


def test_seeks_are_not_refused(tmp_path: Path):
    """One session asks for more ranges than any listener may: the limit is raised for the server of the bench."""
    sizes = replace(QUICK, rounds=1, seeks=LOG_ENTRY_BURST, large=QUICK.small)
    seek(sizes, tmp_path)
