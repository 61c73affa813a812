"""The version of this build: the release's own, or one that says that it was never released."""

import json
import shutil
import subprocess
from pathlib import Path

from vault.version import VERSION

_PACKAGE = Path(__file__).parents[1]
#: Written by who builds a wheel or an image: ``{"build": "release"}``, or the commit.
BUILD_FILE = "build.json"
_RELEASE = "release"


def build_version(package: Path = _PACKAGE) -> str:
    """Return the version, with ``+dev`` and the commit, as far as it is known, unless this is a release."""
    build = _of_file(package / BUILD_FILE) or _of_git(package.parent)
    if build == _RELEASE:
        return VERSION
    return f"{VERSION}+dev.{build}" if build else f"{VERSION}+dev"


def _of_file(file: Path) -> str | None:
    try:
        return str(json.loads(file.read_bytes())["build"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _of_git(root: Path) -> str | None:
    """Return the commit of a checkout, or that it is the tag of this version; None for another folder."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return None
    if f"v{VERSION}" in (_git(root, "tag", "--points-at", "HEAD") or "").split():
        return _RELEASE
    return _git(root, "rev-parse", "--short=12", "HEAD")


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", "-C", str(root), *arguments],  # noqa: S607 - git of the path, as in a shell
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None if done.returncode == 0 else None
