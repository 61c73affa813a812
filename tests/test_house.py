"""The house: rules of structure that a newcomer can rely on, each with the reason in its message."""

import ast
import inspect
import logging
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

from tests.servers.required import require
from vault import errors
from vault.web.http.problems import STATUS

ROOT = Path(__file__).parents[1]
CODE = sorted((ROOT / "vault").rglob("*.py")) + sorted((ROOT / "bench").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 40
#: One process parses every file once.
pytestmark = pytest.mark.xdist_group("house")
#: Migrations are frozen history, written by a tool.
GENERATED = ROOT / "vault" / "database" / "migrations" / "versions"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """Return a path as a test id."""
    return str(path.relative_to(ROOT))


def written(paths: list[Path]) -> list[Path]:
    """Leave out what a tool wrote."""
    return [path for path in paths if GENERATED not in path.parents]


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    """Return every node of a file."""
    return list(ast.walk(ast.parse(path.read_text())))


def functions_of(path: Path) -> Iterator[Function]:
    """Yield every function of a file, at any depth."""
    for node in nodes_of(path):
        if isinstance(node, Function):
            yield node


def offenders(paths: list[Path], wrong: Callable[[Path], object]) -> dict[str, object]:
    """Return what is wrong with each file, by its name; files with nothing wrong are left out."""
    assert len(paths) > 20
    return {name_of(path): found for path in paths if (found := wrong(path))}


def test_a_file_can_be_read_in_one_sitting() -> None:
    """No file is longer than 300 lines: a longer one is two things, and each needs a name."""

    def too_long(path: Path) -> int:
        lines = len(path.read_text().splitlines())
        return lines if lines > LONGEST_FILE else 0

    assert offenders(written(CODE) + TESTS, too_long) == {}


def test_a_function_does_one_thing() -> None:
    """No function is longer than 40 lines: give a part of it a name of its own."""

    def too_long(path: Path) -> dict[str, int]:
        return {
            f.name: f.end_lineno - f.lineno + 1
            for f in functions_of(path)
            if f.end_lineno is not None and f.end_lineno - f.lineno >= LONGEST_FUNCTION
        }

    assert offenders(written(CODE), too_long) == {}


def test_a_package_holds_a_docstring_and_nothing_else() -> None:
    """Nothing is re-exported: a name has one home, and imports say where it is."""

    def exports(path: Path) -> bool:
        body = ast.parse(path.read_text()).body
        return len(body) != 1 or not isinstance(body[0], ast.Expr)

    assert offenders([path for path in CODE if path.name == "__init__.py"], exports) == {}


def test_no_file_is_called_after_nothing() -> None:
    """A file is named after what it is, never utils, helpers or manager."""
    nothing = re.compile(r"util|helper|manager|common|misc")
    assert [name_of(path) for path in CODE + TESTS if nothing.search(path.stem)] == []


def test_imports_only_go_down_the_floors(capsys: pytest.CaptureFixture[str]) -> None:
    """Every import contract of pyproject.toml holds."""
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    for logger in logging.root.manager.loggerDict.values():
        # It configures logging for itself, and so silences every logger for the tests that follow.
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    assert status == 0, capsys.readouterr().out


def test_every_error_has_a_status_of_its_own() -> None:
    """No error of the tree is left to a table row of its parent by accident."""
    every = {
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.VaultError)
    }
    assert every == set(STATUS)


def test_the_docstring_draws_the_whole_tree_of_errors() -> None:
    """The drawing in errors.py names each error."""
    drawn = errors.__doc__ or ""
    missing = [
        name
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__ and name not in drawn
    ]
    assert missing == []


def test_secrets_are_compared_in_constant_time() -> None:
    """No `==` stands beside a secret, digest, signature, token or hash: use hmac.compare_digest."""
    secret = re.compile(r"secret|signature|digest|token_hash|password|fingerprint", re.IGNORECASE)

    def compared(path: Path) -> list[str]:
        found = [
            ast.unparse(node)
            for node in nodes_of(path)
            if isinstance(node, ast.Compare)
            and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        ]
        # A column compared in SQL is looked up by an index, which is not a comparison in time.
        plain = ("len(", ".c.", "_C.")
        return [text for text in found if secret.search(text) and not any(part in text for part in plain)]

    assert offenders(CODE, compared) == {}


def test_a_test_says_in_a_sentence_what_holds() -> None:
    """Every test has a docstring."""

    def mute(path: Path) -> list[str]:
        return [f.name for f in functions_of(path) if f.name.startswith("test_") and not ast.get_docstring(f)]

    assert offenders(TESTS, mute) == {}


def test_no_part_of_our_own_is_replaced_by_a_mock() -> None:
    """Fakes live in tests/fakes, and pass the contract tests of the real parts."""

    def mocks(path: Path) -> list[str]:
        imported = [ast.unparse(n) for n in nodes_of(path) if isinstance(n, ast.Import | ast.ImportFrom)]
        return [text for text in imported if "mock" in text and "moto" not in text]

    assert offenders(TESTS, mocks) == {}


def test_answers_in_json_are_made_in_one_place() -> None:
    """Routes return a model, or ``answer_json`` where they choose the status or headers themselves."""
    own = re.compile(r'model_dump_json|media_type="application/json"')
    found = {path.name for path in (ROOT / "vault/web").rglob("*.py") if own.search(path.read_text())}
    assert found == {"idempotency.py"}


@pytest.mark.parametrize("room", sorted(path.parent.name for path in (ROOT / "vault").glob("*/__init__.py")))
def test_tests_mirror_the_house(room: str) -> None:
    """Every room has its tests in a folder of the same name."""
    # Commands and processes are started by the journeys. The worker only calls services, and is tested with them.
    elsewhere = {"cli": "journeys", "server": "journeys", "worker": "services"}
    assert list((ROOT / "tests" / elsewhere.get(room, room)).rglob("test_*.py"))


def test_no_folder_of_tests_imports_another() -> None:
    """What several share is in ``tests/support``, ``tests/servers`` or ``tests/fakes``, which hold no tests."""
    rooms = {path.relative_to(ROOT / "tests").parts[0] for path in TESTS if path.name.startswith("test_")}

    def foreign(path: Path) -> set[str]:
        own = path.relative_to(ROOT / "tests").parts[0]
        return {name for name in imported(path) if name.split(".")[1] in rooms - {own}}

    assert offenders(TESTS, foreign) == {}


def imported(path: Path) -> Iterator[str]:
    """Yield the modules of tests/ that a file imports, wherever it does."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("tests."))


def committed() -> list[Path]:
    """Return the files that git knows."""
    require("git", install="apt-get install git")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_committed_file_names_a_registry_host() -> None:
    """Where packages come from is the business of anyone who installs them."""
    hosts = re.compile(rb"(pypi|pythonhosted|npmjs|debian)\.org|registry\.npmjs")
    guilty = [
        name_of(path) for path in committed() if hosts.search(path.read_bytes()) and path != Path(__file__)
    ]
    assert guilty == []


@pytest.mark.parametrize(
    "lock",
    [
        "requirements.lock",
        "requirements-test.lock",
        "infra/requirements.lock",
        "tests/fuzz/requirements.lock",
    ],
)
def test_a_lock_pins_everything_with_hashes(lock: str) -> None:
    """Every package of a lock has one exact version and at least one hash."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text().split("\n", 2)[2])
    loose = [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry or "==" not in entry]
    assert len(entries) > 20
    assert loose == []


def test_the_package_says_its_version_once() -> None:
    """The version stands in vault/version.py, and pyproject.toml takes it from there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "vault.version.VERSION"}}
