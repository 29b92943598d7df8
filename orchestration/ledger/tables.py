"""The tables of the ledger, and the triggers that let nobody change what is in them.

`ledger_chain` holds the chain; `ledger_payloads` what was said, with its salt and copies of the
parts by which entries are found; `ledger_erasures` whose payload was removed, and by which entry's
order. Both engines refuse the same statements: every update, delete and truncation, and every row
that does not follow on the last one. The one exception is that a payload and everything beside it
becomes null once an erasure names it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from orchestration.ledger.chain import COPIES, ERASURE_ORDER

CHAIN = sa.table(
    "ledger_chain",
    *map(sa.column, ("seq", "recorded_at", "commitment", "previous_hash", "entry_hash")),
)
PAYLOADS = sa.table(
    "ledger_payloads",
    sa.column("seq"),
    sa.column("salt", sa.LargeBinary),
    sa.column("payload"),
    *map(sa.column, COPIES),
)
ERASURES = sa.table("ledger_erasures", *map(sa.column, ("seq", "ordered_by_seq")))
# What an erasure empties: everything that a payload says.
ERASED = [column.name for column in PAYLOADS.c if column.name != "seq"]

# Not left to a library's way of writing them: `verify` holds a file against these very texts.
TABLES = {
    "ledger_chain": """
        create table ledger_chain (
            seq {number} primary key,
            recorded_at text not null,
            commitment text not null,
            previous_hash text not null,
            entry_hash text not null
        )""",
    "ledger_payloads": """
        create table ledger_payloads (
            seq {number} primary key references ledger_chain (seq),
            salt {bytes},
            payload text,
            act_type text,
            actor text,
            subject text,
            refers_to {number},
            outcome text
        )""",
    "ledger_erasures": """
        create table ledger_erasures (
            seq {number} primary key references ledger_payloads (seq),
            ordered_by_seq {number} not null references ledger_payloads (seq)
        )""",
}
# What tells most comes last: of two that would do, SQLite takes the one that was made later, and
# of a million entries nearly all have the same outcome.
INDEXED = ("outcome", "act_type", "actor", "subject", "refers_to")
INDEXES = {
    f"ledger_payloads_{name}": (
        f"create index ledger_payloads_{name} on ledger_payloads ({name}, seq)"
    )
    for name in INDEXED
}
SQLITE_TYPES = {"number": "integer", "bytes": "blob"}
POSTGRES_TYPES = {"number": "bigint", "bytes": "bytea"}

REFUSED = "the ledger is append-only"
_ALL_GONE = " and ".join(f"new.{name} is null" for name in ERASED)
_IS_ORDERED = "exists (select 1 from ledger_erasures where ledger_erasures.seq = old.seq)"
_IS_NO_ORDER = f"""
            exists (select 1 from ledger_erasures where seq = new.seq)
            or not exists (
                select 1 from ledger_payloads
                where seq = new.ordered_by_seq and seq <> new.seq
                and act_type = '{ERASURE_ORDER}' and outcome in ('effective', 'pending')
            )"""
# `insert or replace` removes rows without a word to a trigger on delete: hence those on insert.
SQLITE_TRIGGERS = {
    **{
        f"{table}_follows": f"""
        create trigger {table}_follows before insert on {table}
        when new.seq is not (select coalesce(max(seq), 0) + 1 from {table})
        begin select raise(abort, '{REFUSED}: a row comes after the last one'); end"""
        for table in ("ledger_chain", "ledger_payloads")
    },
    "ledger_erasures_once": f"""
        create trigger ledger_erasures_once before insert on ledger_erasures
        when {_IS_NO_ORDER}
        begin select raise(abort, '{REFUSED}: an erasure needs an order, and is done once'); end""",
    "ledger_payloads_erased": f"""
        create trigger ledger_payloads_erased before update on ledger_payloads
        when not (new.seq is old.seq and {_ALL_GONE} and {_IS_ORDERED})
        begin select raise(abort, '{REFUSED}: update of ledger_payloads is refused'); end""",
    **{
        f"{table}_{deed}": f"""
        create trigger {table}_{deed} before {deed} on {table}
        begin select raise(abort, '{REFUSED}: {deed} of {table} is refused'); end"""
        for table, deed in [
            ("ledger_chain", "update"),
            ("ledger_erasures", "update"),
            ("ledger_chain", "delete"),
            ("ledger_payloads", "delete"),
            ("ledger_erasures", "delete"),
        ]
    },
}
POSTGRES_FUNCTIONS = {
    **{
        f"{table}_follows": f"""
        begin
            if new.seq is distinct from (select coalesce(max(seq), 0) + 1 from {table}) then
                raise exception '{REFUSED}: a row comes after the last one';
            end if;
            return new;
        end"""
        for table in ("ledger_chain", "ledger_payloads")
    },
    "ledger_erasures_once": f"""
        begin
            if {_IS_NO_ORDER} then
                raise exception '{REFUSED}: an erasure needs an order, and is done once';
            end if;
            return new;
        end""",
    "ledger_payloads_erased": f"""
        begin
            if new.seq = old.seq and {_ALL_GONE} and {_IS_ORDERED} then
                return new;
            end if;
            raise exception '{REFUSED}: update of ledger_payloads is refused';
        end""",
    "ledger_refuse": f"""
        begin
            raise exception using
            message = '{REFUSED}: ' || lower(tg_op) || ' of ' || tg_table_name || ' is refused';
        end""",
}
# Name: table, moment, level and function.
POSTGRES_TRIGGERS = {
    **{
        name: (table, f"before {deed}", "row", name)
        for name, table, deed in [
            ("ledger_chain_follows", "ledger_chain", "insert"),
            ("ledger_payloads_follows", "ledger_payloads", "insert"),
            ("ledger_erasures_once", "ledger_erasures", "insert"),
            ("ledger_payloads_erased", "ledger_payloads", "update"),
        ]
    },
    **{
        f"{table}_refuse": (table, f"before {deeds}", "statement", "ledger_refuse")
        for table, deeds in [
            ("ledger_chain", "update or delete or truncate"),
            ("ledger_payloads", "delete or truncate"),
            ("ledger_erasures", "update or delete or truncate"),
        ]
    },
}
# How Postgres notes moment and level of a trigger (pg_trigger.tgtype).
_TRIGGER_BITS = {"row": 1, "before": 2, "insert": 4, "delete": 8, "update": 16, "truncate": 32}


def statements(dialect: str) -> list[str]:
    """Return what makes tables, indexes and triggers in an empty database."""
    if dialect == "sqlite":
        tables = [f"{text.format(**SQLITE_TYPES)} strict" for text in TABLES.values()]
        return [*tables, *INDEXES.values(), *SQLITE_TRIGGERS.values()]
    tables = [text.format(**POSTGRES_TYPES) for text in TABLES.values()]
    functions = [
        f"create function {name}() returns trigger language plpgsql as $${body}$$"
        for name, body in POSTGRES_FUNCTIONS.items()
    ]
    triggers = [
        f"create trigger {name} {moment} on {table} for each {level} execute function {function}()"
        for name, (table, moment, level, function) in POSTGRES_TRIGGERS.items()
    ]
    return [*tables, *INDEXES.values(), *functions, *triggers]


def foreign_guard(connection: sa.Connection) -> str | None:
    """Return the name of a table or trigger that is not the ledger's own, or is missing; or None.

    Somebody who drops a trigger, changes entries and makes it again leaves no trace here; the
    chain and its anchors show that.
    """
    if connection.dialect.name == "sqlite":
        expected, found = _sqlite_schema(None), _sqlite_schema(connection)
    else:
        expected = {
            name: (
                table,
                sum(bit for word, bit in _TRIGGER_BITS.items() if word in f"{moment} {level}"),
                "O",
                POSTGRES_FUNCTIONS[function],
            )
            for name, (table, moment, level, function) in POSTGRES_TRIGGERS.items()
        }
        rows = connection.exec_driver_sql(
            """
            select tgname, tgrelid::regclass::text, tgtype, tgenabled, prosrc
            from pg_trigger inner join pg_proc on pg_trigger.tgfoid = pg_proc.oid
            where not tgisinternal and tgrelid in (
                'ledger_chain'::regclass, 'ledger_payloads'::regclass, 'ledger_erasures'::regclass
            )
            """
        )
        found = {name: tuple(rest) for name, *rest in rows}
    names = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    return min(names, default=None)


def _sqlite_schema(connection: sa.Connection | None) -> dict[str, Any]:
    """Return how SQLite keeps each statement: of a ledger, or without one, of an empty one."""
    query = "select name, sql from sqlite_schema where name not like 'sqlite%'"
    if connection is not None:
        return dict(connection.exec_driver_sql(query).tuples().all())
    with closing(sqlite3.connect(":memory:")) as empty:
        for statement in statements("sqlite"):
            empty.execute(statement)
        return dict(empty.execute(query).fetchall())
