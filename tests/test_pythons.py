"""One answer to "which Python?": package, image, README, Makefile and CI name the same ones."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OLDEST = PROJECT["project"]["requires-python"].removeprefix(">=")
CLASSIFIER = "Programming Language :: Python :: "


def image() -> str:
    """Return the Python of the image, which all stages share."""
    (version,) = set(re.findall(r"^FROM python:(\d+\.\d+)", DOCKERFILE, re.MULTILINE))
    return version


def supported() -> list[str]:
    """Return the versions that the package says it supports."""
    classifiers = PROJECT["project"]["classifiers"]
    return [one.removeprefix(CLASSIFIER) for one in classifiers if one.startswith(CLASSIFIER)]


def test_the_package_supports_every_python_from_the_oldest_on() -> None:
    """The classifiers have no gap, begin at requires-python and have the image's in them."""
    minors = [int(one.removeprefix("3.")) for one in supported()]
    assert supported()[0] == OLDEST
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert image() in supported()


def test_the_readme_names_them() -> None:
    """A reader sees which Pythons will do, and which of them CI runs."""
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"Python {', '.join(supported()[:-1])} or {supported()[-1]}" in text
    assert f"suite on Python {image()}" in text
    assert f"a part of it on {OLDEST}" in text


def test_ci_runs_the_images_python_and_the_oldest() -> None:
    """CI takes the version out of the Dockerfile, and the smaller tier is that of requires-python."""
    script = (ROOT / ".ci" / "run").read_text()
    (line,) = re.findall(r"^python=.*$", script, re.MULTILINE)
    said = subprocess.run(
        ["bash", "-euc", f'{line}\necho "$python"'], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert said.stdout.strip() == f"python{image()}"
    assert re.search(r"^export PYTHON=\$python$", script, re.MULTILINE)
    assert re.search(r"^make .*\btest-oldest\b", script, re.MULTILINE)
    assert re.search(r"^make test \|\| failed=1\nmake proofs .*\|\| failed=1\nexit ", script, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert f"\nOLDEST ?= python{OLDEST}\n" in makefile
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{OLDEST.replace('.', '')}"
    assert set(re.findall(r"--python-version (\S+)", makefile)) == {OLDEST}
