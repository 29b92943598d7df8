from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pytest

from orchestration.demo import TINY, DemoSummary, generate

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Made:
    """A generated company: what was written, the truth, and a way to read the files."""

    summary: DemoSummary
    truth: dict
    con: duckdb.DuckDBPyConnection

    def files(self, feed: str, *, planted: bool = False) -> list[str]:
        """Files of a feed, oldest first; those that the truth names only if asked for."""
        wrong = {fault["file"] for fault in self.truth["deliveries"]}
        landing = self.summary.landing
        return [
            str(path)
            for path in sorted(landing.glob(f"*/{feed}/*/*"))
            if planted or path.relative_to(landing).as_posix() not in wrong
        ]

    def rows(self, feed: str, sql: str, *, files: list[str] | None = None) -> list[tuple]:
        """Result of a query over `t`: all files of a feed as text, with `filename`."""
        names = files or self.files(feed)
        if names[0].endswith(".jsonl"):
            reader = f"read_json({names}, format = 'newline_delimited', filename = true)"
        elif names[0].endswith(".json"):
            reader = (
                f"(select filename, unnest(Report_Entry, recursive := true) "
                f"from read_json({names}, filename = true))"
            )
        else:
            mark = ";" if "/sap/" in names[0] else ","
            reader = f"read_csv({names}, all_varchar = true, delim = '{mark}', filename = true)"
        return self.con.execute(f"with t as (select * from {reader}) {sql}").fetchall()

    def faults(self, kind: str) -> list[dict]:
        return [fault for fault in self.truth["deliveries"] if fault["kind"] == kind]

    def content(self, relative: str) -> bytes:
        return (self.summary.landing / relative).read_bytes()


def made(folder: Path, **kwargs) -> Made:
    summary = generate(folder / "landing", **kwargs)
    con = duckdb.connect()
    con.execute("set TimeZone = 'UTC'")
    return Made(summary, json.loads(summary.truth.read_text()), con)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Made:
    return made(tmp_path_factory.mktemp("tiny"), size=TINY)


@pytest.fixture(scope="session")
def month(tmp_path_factory) -> Made:
    """The tiny company with all thirty daily deliveries, and so with every planted fault."""
    size = dataclasses.replace(TINY, machines=24, daily_deliveries=30)
    return made(tmp_path_factory.mktemp("month"), size=size)
