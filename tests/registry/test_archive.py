"""What was once declared is kept under its hash, and damage to it is found."""

from __future__ import annotations

import hashlib

import pytest

from orchestration.registry.archive import (
    FOLDER,
    ArchiveError,
    archive,
    archived_logic,
    damaged_definitions,
)
from orchestration.registry.logic import Logic, definition_bytes, text_hash

SQL = "select sum(good_qty)\nfrom counts"


@pytest.fixture
def logic():
    definition = {"kpi": {"id": "YIELD"}, "measures": {}, "sql": {"counts": text_hash(SQL)}}
    found = hashlib.sha256(definition_bytes(definition)).hexdigest()
    return Logic("YIELD", found, definition, {text_hash(SQL): SQL})


def test_an_archived_definition_is_read_back_as_it_was(tmp_path, logic):
    archive(tmp_path, [logic])

    assert archived_logic(tmp_path, logic.hash) == logic


def test_archiving_again_writes_nothing(tmp_path, logic):
    archive(tmp_path, [logic])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / FOLDER).iterdir()}

    archive(tmp_path, [logic])

    assert {path: path.stat().st_mtime_ns for path in (tmp_path / FOLDER).iterdir()} == before
    assert len(before) == 2


@pytest.mark.parametrize("suffix", [".json", ".sql"])
def test_a_damaged_definition_is_found_and_never_shown(tmp_path, logic, suffix):
    archive(tmp_path, [logic])
    stem = logic.hash if suffix == ".json" else text_hash(SQL)
    path = tmp_path / FOLDER / f"{stem}{suffix}"
    path.write_bytes(path.read_bytes().replace(b"co", b"ca"))

    assert damaged_definitions(tmp_path) == [path]
    with pytest.raises(ArchiveError, match="is not what was archived"):
        archived_logic(tmp_path, logic.hash)


def test_a_definition_that_no_run_used_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="No run of this home has used the definition 1234"):
        archived_logic(tmp_path, "1234" * 16)
