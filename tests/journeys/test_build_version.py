"""``callvault --version`` tells a release from what was built between two."""

import re
import subprocess
from pathlib import Path

import pytest

from vault.cli.version import BUILD_FILE, build_version
from vault.version import VERSION


def git(root: Path, *arguments: str) -> str:
    """Run git in a folder."""
    names = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    command = ["git", "-C", str(root), *names, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder for the package, of no checkout."""
    folder = tmp_path / "vault"
    folder.mkdir()
    return folder


def test_a_wheel_or_an_image_says_what_it_was_built_from(package: Path):
    """A release its version, any other build its commit, and one without a file that nobody knows."""
    assert build_version(package) == f"{VERSION}+dev"
    for content, version in (
        ('{"build": "release"}', VERSION),
        ('{"build": "0123456789ab"}', f"{VERSION}+dev.0123456789ab"),
        ("{}", f"{VERSION}+dev"),
    ):
        (package / BUILD_FILE).write_text(content)
        assert build_version(package) == version


def test_a_checkout_is_a_release_at_its_tag_alone(package: Path):
    """The tag of another version, and a commit after the tag, are none."""
    root = package.parent
    git(root, "init", "--quiet")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "a")
    git(root, "tag", "v0.0.1")
    commit = git(root, "rev-parse", "--short=12", "HEAD")
    assert build_version(package) == f"{VERSION}+dev.{commit}"
    git(root, "tag", f"v{VERSION}")
    assert build_version(package) == VERSION
    git(root, "commit", "--quiet", "--allow-empty", "--message", "b")
    assert re.fullmatch(rf"{re.escape(VERSION)}\+dev\.[0-9a-f]{{12}}", build_version(package))
