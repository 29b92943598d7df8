"""What an auditor gets, and checks with nothing of this project."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys

import pytest

from orchestration.ledger.errors import LedgerDamagedError, LedgerError
from orchestration.ledger.export import export
from tests.ledger.acts import clock, order, write
from tests.ledger.states import put_rows, rows_of


@pytest.fixture
def folder(ledger, tmp_path):
    """Twelve entries, one of them erased; the last two came after the last anchor."""
    write(ledger, 9)
    with ledger.writing(now=clock) as writer:
        writer.append(order(4))
    ledger.erase(4, ordered_by_seq=10)
    ledger.anchor()
    write(ledger, 2)
    assert export(ledger, tmp_path / "audit") == 12
    return tmp_path / "audit"


def checked(folder):
    """Run the program of the README, away from this project."""
    (program,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    return subprocess.run(
        [sys.executable, "-I", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def entries_of(folder):
    return [json.loads(line) for line in (folder / "entries.jsonl").read_text().splitlines()]


def test_an_auditor_s_own_program_finds_the_export_whole(folder, ledger):
    done = checked(folder)

    key = next(iter(ledger.anchors.read())).key
    assert done.stdout == f"12 entries are what was recorded, 10 of them anchored by {key}\n"
    assert key in (folder / "README.md").read_text()
    assert entries_of(folder)[3]["payload"] is None
    assert {stat.S_IMODE(folder.stat().st_mode)} == {0o700}


def test_an_export_says_what_the_ledger_says(folder, ledger):
    for entry, recorded in zip(entries_of(folder), ledger.entries(), strict=True):
        said = None if entry["payload"] is None else json.loads(entry["payload"])
        assert said == recorded.payload
        assert entry["entry_hash"] == recorded.entry_hash


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("Grund Nr. 7", "Grund Nr. 8", "entry 8 has another payload"),
        ('"seq": 6,', '"seq": 7,', "entry 6 is missing"),
        ("08:00:00.000000Z", "09:00:00.000000Z", "entry 1 has another hash"),
    ],
)
def test_an_auditor_s_own_program_finds_a_changed_export(folder, old, new, sentence):
    path = folder / "entries.jsonl"
    path.write_text(path.read_text().replace(old, new, 1))

    assert checked(folder).stderr.strip() == sentence


def test_an_auditor_s_own_program_finds_an_export_that_was_cut_off(folder):
    path = folder / "entries.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:9]))

    assert checked(folder).stderr.strip() == "entry 10 is not the one that was anchored"


def test_an_auditor_s_own_program_finds_a_changed_anchor(folder):
    path = folder / "anchors.jsonl"
    path.write_text(path.read_text().replace("2026", "2027"))

    done = checked(folder)

    assert done.returncode == 1
    assert "InvalidSignature" in done.stderr


def test_an_export_replaces_nothing(folder, ledger):
    with pytest.raises(LedgerError, match="exists already"):
        export(ledger, folder)


def test_a_damaged_ledger_is_not_exported(ledger, url, tmp_path):
    write(ledger, 5)
    state = rows_of(url)
    state["ledger_payloads"][2]["payload"] = "{}"
    put_rows(url, state)

    with pytest.raises(LedgerDamagedError, match="entry 3 is bad"):
        export(ledger, tmp_path / "audit")

    assert not (tmp_path / "audit").exists()
