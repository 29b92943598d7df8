"""All rows of a ledger, to be put back otherwise: as somebody does who owns the database.

The triggers are taken away for it and made again, so that only the rows tell.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg2
from psycopg2.extras import execute_values

from orchestration.ledger.chain import StoredEntry, commitment, entry_hash
from orchestration.ledger.tables import SQLITE_TRIGGERS, TABLES

COLUMNS = {
    "ledger_chain": ["seq", "recorded_at", "commitment", "previous_hash", "entry_hash"],
    "ledger_payloads": [
        *("seq", "salt", "payload"),
        *("act_type", "actor", "subject", "refers_to", "outcome"),
    ],
    "ledger_erasures": ["seq", "ordered_by_seq"],
}


def _connected(url):
    if url.startswith("postgresql"):
        return closing(psycopg2.connect(url))
    return closing(sqlite3.connect(url.removeprefix("sqlite:///")))


def rows_of(url):
    """Return the rows of each table as lists, each row as a dictionary."""
    with _connected(url) as con:
        cursor = con.cursor()
        state = {}
        for table, columns in COLUMNS.items():
            cursor.execute(f"select {', '.join(columns)} from {table} order by seq")
            state[table] = [
                {name: bytes(value) if name == "salt" and value else value for name, value in row}
                for row in (zip(columns, values, strict=True) for values in cursor.fetchall())
            ]
    return state


def put_rows(url, state):
    """Make the tables hold these rows and no others, whatever the triggers say."""
    values = {
        table: [tuple(row[name] for name in columns) for row in state[table]]
        for table, columns in COLUMNS.items()
    }
    with _connected(url) as con, con:
        cursor = con.cursor()
        if url.startswith("postgresql"):
            for table in TABLES:
                cursor.execute(f"alter table {table} disable trigger all")
            for table, rows in values.items():
                cursor.execute(f"delete from {table}")
                if rows:
                    execute_values(cursor, f"insert into {table} values %s", rows)
            for table in TABLES:
                cursor.execute(f"alter table {table} enable trigger all")
            return
        cursor.execute("pragma synchronous = off")
        for name in SQLITE_TRIGGERS:
            cursor.execute(f"drop trigger {name}")
        for table, rows in values.items():
            cursor.execute(f"delete from {table}")
            marks = ", ".join("?" * len(COLUMNS[table]))
            cursor.executemany(f"insert into {table} values ({marks})", rows)
        for trigger in SQLITE_TRIGGERS.values():
            cursor.execute(trigger)


def numbered(entries, *, chained=True, start=1):
    """Return the rows of entries, numbered anew and, if asked, with fitting hashes from `start`."""
    state = {"ledger_chain": [], "ledger_payloads": []}
    previous = "0" * 64
    for seq, entry in enumerate(entries, start=1):
        row = dict(entry, seq=seq)
        if chained and seq >= start:
            if row["payload"] is not None:
                row["commitment"] = commitment(row["payload"].encode(), row["salt"])
            row["previous_hash"] = previous
            row["entry_hash"] = entry_hash(
                seq=seq,
                recorded_at=row["recorded_at"],
                commitment=row["commitment"],
                previous=previous,
            )
        previous = row["entry_hash"]
        for table, rows in state.items():
            rows.append({name: row[name] for name in COLUMNS[table]})
    return state


def entries_of(state):
    """Return chain and payload rows side by side, as one dictionary per entry."""
    pairs = zip(state["ledger_chain"], state["ledger_payloads"], strict=True)
    return [chained | aside for chained, aside in pairs]


assert {*COLUMNS["ledger_chain"], *COLUMNS["ledger_payloads"]} == {*StoredEntry._fields}
