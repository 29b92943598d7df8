"""The tables of the ledger, and the triggers that let nobody change what is in them.

`ledger_chain` holds the chain; `ledger_payloads` what was said, with its salt and copies of the
parts by which entries are found; `ledger_erasures` whose payload was removed, and by which entry's
order. Both engines refuse the same statements.
"""

from __future__ import annotations

import sqlalchemy as sa

from orchestration.ledger.chain import COPIES, ERASURE_ORDER

METADATA = sa.MetaData()
_SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")
CHAIN = sa.Table(
    "ledger_chain",
    METADATA,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("commitment", sa.Text, nullable=False),
    sa.Column("previous_hash", sa.Text, nullable=False),
    sa.Column("entry_hash", sa.Text, nullable=False),
    sqlite_strict=True,
)
PAYLOADS = sa.Table(
    "ledger_payloads",
    METADATA,
    sa.Column("seq", _SEQ, sa.ForeignKey(CHAIN.c.seq), primary_key=True, autoincrement=False),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("payload", sa.Text),
    sa.Column("act_type", sa.Text),
    sa.Column("actor", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("refers_to", _SEQ),
    sa.Column("outcome", sa.Text),
    *(sa.Index(f"ledger_payloads_{name}", name, "seq") for name in COPIES),
    sqlite_strict=True,
)
ERASURES = sa.Table(
    "ledger_erasures",
    METADATA,
    sa.Column("seq", _SEQ, sa.ForeignKey(CHAIN.c.seq), primary_key=True, autoincrement=False),
    sa.Column("ordered_by_seq", _SEQ, sa.ForeignKey(CHAIN.c.seq), nullable=False),
    sqlite_strict=True,
)

# What an erasure empties: everything that a payload says.
ERASED = [column.name for column in PAYLOADS.c if column.name != "seq"]
_ALL_GONE = " and ".join(f"new.{name} is null" for name in ERASED)
_IS_ORDERED = "exists (select 1 from ledger_erasures where ledger_erasures.seq = old.seq)"
REFUSED = "the ledger is append-only"
# `insert or replace` removes rows without a word to a trigger on delete: hence those on insert.
SQLITE_TRIGGERS = {
    "ledger_chain_follows": f"""
        create trigger ledger_chain_follows before insert on ledger_chain
        when new.seq is not (select coalesce(max(seq), 0) + 1 from ledger_chain)
        begin select raise(abort, '{REFUSED}: an entry comes after the last one'); end""",
    "ledger_payloads_follows": f"""
        create trigger ledger_payloads_follows before insert on ledger_payloads
        when new.seq is not (select coalesce(max(seq), 0) + 1 from ledger_payloads)
        begin select raise(abort, '{REFUSED}: a payload comes after the last one'); end""",
    "ledger_erasures_once": f"""
        create trigger ledger_erasures_once before insert on ledger_erasures
        when exists (select 1 from ledger_erasures where seq = new.seq)
        or not exists (
            select 1 from ledger_payloads
            where seq = new.ordered_by_seq and seq <> new.seq
            and act_type = '{ERASURE_ORDER}' and outcome in ('effective', 'pending')
        )
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
    "ledger_refuse": f"""
        begin
            raise exception using
            message = '{REFUSED}: ' || lower(tg_op) || ' of ' || tg_table_name || ' is refused';
        end""",
    "ledger_chain_follows": f"""
        begin
            if new.seq is distinct from (select coalesce(max(seq), 0) + 1 from ledger_chain) then
                raise exception '{REFUSED}: an entry comes after the last one';
            end if;
            return new;
        end""",
    "ledger_payloads_follows": f"""
        begin
            if new.seq is distinct from (select coalesce(max(seq), 0) + 1 from ledger_payloads) then
                raise exception '{REFUSED}: a payload comes after the last one';
            end if;
            return new;
        end""",
    "ledger_erasures_once": f"""
        begin
            if exists (select 1 from ledger_erasures where seq = new.seq)
            or not exists (
                select 1 from ledger_payloads
                where seq = new.ordered_by_seq and seq <> new.seq
                and act_type = '{ERASURE_ORDER}' and outcome in ('effective', 'pending')
            ) then
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
}
POSTGRES_TRIGGERS = {
    "ledger_chain_follows": "before insert on ledger_chain for each row",
    "ledger_payloads_follows": "before insert on ledger_payloads for each row",
    "ledger_erasures_once": "before insert on ledger_erasures for each row",
    "ledger_payloads_erased": "before update on ledger_payloads for each row",
    "ledger_chain_refuse": "before update or delete or truncate on ledger_chain for each statement",
    "ledger_payloads_refuse": "before delete or truncate on ledger_payloads for each statement",
    "ledger_erasures_refuse": (
        "before update or delete or truncate on ledger_erasures for each statement"
    ),
}


def create_tables(connection: sa.Connection) -> None:
    """Make tables, indexes and triggers in an empty database."""
    METADATA.create_all(connection)
    if connection.dialect.name == "sqlite":
        for trigger in SQLITE_TRIGGERS.values():
            connection.exec_driver_sql(trigger)
        return
    for name, body in POSTGRES_FUNCTIONS.items():
        connection.exec_driver_sql(
            f"create function {name}() returns trigger language plpgsql as $${body}$$"
        )
    for name, event in POSTGRES_TRIGGERS.items():
        function = name if name in POSTGRES_FUNCTIONS else "ledger_refuse"
        connection.exec_driver_sql(f"create trigger {name} {event} execute function {function}()")
