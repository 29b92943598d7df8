"""What may lie in the repository: no machine's paths, no host names, a lock that pins bytes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A person's or a build machine's own folders; system paths such as /usr/bin/env are everyone's.
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(?:home|root|Users|work|tmp|var/folders)/[\w.-]+")
HOST = re.compile(r"\b(?:https?|git\+\w+)://|--(?:extra-)?index-url|--find-links|\s@\s")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8", errors="ignore") if path.is_file() else ""


def machine_paths(text: str) -> list[str]:
    return MACHINE_PATH.findall(text)


@pytest.mark.parametrize("path", ["/home/ada/steelyard", "/Users/ada/x", "/" + "tmp/out.csv"])
def test_the_path_of_a_machine_is_recognised(path):
    assert machine_paths(f"see `{path}` there")


@pytest.mark.parametrize("path", ["#!/usr/bin/env bash", "data/home/x", "https://a.org/home/b"])
def test_other_paths_are_no_machine_path(path):
    assert machine_paths(path) == []


def test_no_tracked_file_names_a_path_of_someones_machine():
    named = {
        str(path.relative_to(ROOT)): found
        for path in tracked()
        if path != Path(__file__) and (found := machine_paths(text_of(path)))
    }

    assert named == {}


def test_the_lock_pins_every_package_by_hash_and_names_no_host():
    lock = text_of(ROOT / "requirements.lock")
    entries = re.split(r"\n(?=\S)", lock.strip())

    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[\w.-]+(\[[\w,.-]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert HOST.search(lock) is None


def test_the_lock_satisfies_what_the_project_asks_for():
    asked = re.findall(
        r'^    "([A-Za-z][\w.-]*)[><=]', text_of(ROOT / "pyproject.toml"), re.MULTILINE
    )
    locked = {
        re.split(r"[\[=]", entry)[0].lower()
        for entry in re.split(r"\n(?=\S)", text_of(ROOT / "requirements.lock"))
    }

    assert {name.lower() for name in asked} - locked == set()


def test_no_data_and_no_generated_folder_is_tracked():
    generated = {".steelyard", ".venv", "target", "dbt_packages", "logs", "__pycache__"}

    assert [path for path in tracked() if generated & set(path.relative_to(ROOT).parts)] == []
