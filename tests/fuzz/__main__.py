"""``python -m tests.fuzz [TARGET...] [--seconds N]``: fuzz parsers by what they cover, with atheris.

Each target runs in a process of its own, from its seeds on. Prints a line for each: how often it ran, how many
places in the code that came to, and whether it held. An input that broke a target is kept beside, and named. Exit
status 1 if there was one.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_FUZZ = """
import sys
import atheris
with atheris.instrument_imports(include=["vault"]):
    from tests.support.fuzz_targets import TARGETS
run = TARGETS[sys.argv.pop(1)].run
atheris.Setup(sys.argv, run)
atheris.Fuzz()
"""
#: Seconds for one input, and mebibytes of the process, beyond which a parser does not hold.
_HANG, _MEMORY = 10, 2048
_LONGEST = 4096


def main() -> int:
    """Fuzz one after the other."""
    # Here, because what is fuzzed must be imported instrumented, in the processes below.
    from tests.support.fuzz_targets import TARGETS  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of: {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=300, help="for each target (300)")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.targets) - set(TARGETS)):
        parser.error(f"there is no target {', '.join(unknown)}; targets are {', '.join(TARGETS)}")
    broken = 0
    for name in asked.targets or TARGETS:
        broken += not _fuzz(name, TARGETS[name].seeds, asked.seconds)
    return 1 if broken else 0


def _fuzz(name: str, seeds: tuple[bytes, ...], seconds: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        findings = Path("fuzz-findings")
        findings.mkdir(exist_ok=True)
        limits = [
            f"-max_total_time={seconds}", f"-timeout={_HANG}", f"-rss_limit_mb={_MEMORY}", f"-max_len={_LONGEST}",
            f"-artifact_prefix={findings}/{name}-",
        ]  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", _FUZZ, name, *limits, folder], capture_output=True, text=True, check=False
        )
    ran = re.findall(r"^#(\d+)\s.*?cov: (\d+)", done.stderr, re.MULTILINE) or [("0", "0")]
    held = done.returncode == 0
    print(
        f"{name:<22} {int(ran[-1][0]):>10,} runs  {ran[-1][1]:>6} places  {'held' if held else 'BROKEN'}",
        flush=True,
    )
    if not held:
        print("\n".join(done.stderr.splitlines()[-30:]), flush=True)
    return held


if __name__ == "__main__":
    sys.exit(main())
