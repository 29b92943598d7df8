"""Ledgers for the tests: each in a SQLite file, and each in a Postgres database of its own."""

from __future__ import annotations

import itertools
from contextlib import closing

import psycopg2
import pytest

from orchestration.ledger.anchor import Anchors
from orchestration.ledger.store import Ledger
from tests.services import postgres

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres_server():
    """The URL of an empty database, on a server that the tests start."""
    with postgres("ledger") as url:
        yield url


@pytest.fixture(scope="session")
def new_database(postgres_server):
    """Returns the URL of another empty database each time it is called."""

    def make():
        name = f"ledger_{next(_NUMBERS)}"
        with closing(psycopg2.connect(postgres_server)) as con:
            con.autocommit = True
            con.cursor().execute(f"create database {name}")
        return postgres_server.rpartition("/")[0] + "/" + name

    return make


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """Where a ledger can be made: on both engines, one after the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger/ledger.sqlite"
    return request.getfixturevalue("new_database")()


@pytest.fixture
def anchors(tmp_path):
    return Anchors(tmp_path / "anchors", tmp_path / "keys" / "ledger.pem")


@pytest.fixture
def ledger(url, anchors):
    return Ledger.open(url, anchors=anchors)
