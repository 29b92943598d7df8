"""A full disk is told from other errors, whoever met it."""

import errno
import os
import sqlite3

import duckdb
import pytest

from orchestration.resources.disk import is_full_disk

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        duckdb.IOException(f'Could not write file "warehouse.duckdb": {FULL.strerror}'),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_every_engines_words_for_a_full_disk_are_known(error, tmp_path):
    assert is_full_disk(error, tmp_path)


def test_what_an_error_came_from_counts(tmp_path):
    error = RuntimeError("the step failed")
    error.__cause__ = FULL

    assert is_full_disk(error, tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, os.strerror(errno.EACCES)),
        # So SQLite says also when a disk is broken, and here there is space.
        sqlite3.OperationalError("disk I/O error"),
    ],
)
def test_other_errors_are_not_taken_for_it(error, tmp_path):
    assert not is_full_disk(error, tmp_path)
