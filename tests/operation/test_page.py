"""What docs/operations.md says to type is typed, so that the page cannot rot."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.operation.page import PAGE, blocks, run_in_shell
from tests.services import BIN, ROOT, system_program

# Run here, run on the server of test_server.py, and typed by root on a server of one's own.
KINDS = {"sh", "sh postgres", "sh root"}


@pytest.fixture
def checkout(tiny_home, tmp_path):
    """A checkout of its own, in which the tiny company stands in the usual place."""
    checkout = tmp_path / "steelyard"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, checkout / name)
    shutil.copytree(tiny_home, checkout / ".steelyard", symlinks=True)
    return checkout


@pytest.fixture
def environment(checkout, tmp_path):
    """What a shell has in which the built environment is on the path, and nothing else is set."""
    programs = tmp_path / "bin"
    programs.mkdir()
    # An installed `steelyard` would be the one of the checkout under test, not of this one.
    (programs / "steelyard").write_text(
        f"#!{sys.executable}\nfrom orchestration.cli import main\nmain()\n"
    )
    (programs / "steelyard").chmod(0o755)
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("STEELYARD_", "DAGSTER_"))
    }
    path = os.pathsep.join([str(programs), str(BIN), os.environ["PATH"]])
    return own | {"PATH": path, "PYTHONPATH": str(checkout)}


@pytest.mark.slow
def test_the_blocks_of_the_page_run_in_their_order(checkout, environment):
    said = run_in_shell("\n".join(blocks("sh")), folder=checkout, environment=environment)

    assert "what is published is the same as before" in " ".join(said.split())


def test_every_block_of_the_page_is_run_or_needs_a_server_and_its_root():
    assert {kind for kind, _ in blocks()} == KINDS


def test_what_root_types_names_files_and_targets_that_are_there():
    typed = "\n".join(blocks("sh root"))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    units = {unit.stem for unit in (ROOT / "deploy").glob("*.service")}

    assert set(re.findall(r"make (\w+)", typed)) <= targets
    for line in re.findall(r"systemctl (?:enable --now|restart|stop) (.*)", typed):
        assert set(line.split()) == units
    assert {ROOT / name for name in re.findall(r"deploy/[\w.]+\b", typed)} <= set(
        (ROOT / "deploy").iterdir()
    )


def test_the_page_names_every_file_of_a_server():
    page = PAGE.read_text(encoding="utf-8")

    assert [
        file.name for file in (ROOT / "deploy").iterdir() if f"deploy/{file.name}" not in page
    ] == []


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail), ("", pytest.skip)])
def test_a_missing_program_skips_a_test_but_never_in_ci(monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome.Exception, match="apt-get install scales"):
        system_program("steelyard-scales", package="scales")
