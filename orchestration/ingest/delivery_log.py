"""What was delivered, what became of it, and how each feed stands: the schema `ops`.

Every attempt leaves a row, refused ones too, and no row is ever changed: who asks why a figure
is missing reads it here. Load times live in these tables alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from orchestration.contracts.model import CompanyFeed, Contract

ACCEPTED = ("accept", "accept_with_warning", "quarantine_rows")
BLOCKED = "block_batch"
REJECTED = "reject_file"
SKIPPED = "skip_file"

DDL = """
create schema if not exists raw;
create schema if not exists restricted;
create schema if not exists ops;
create table if not exists ops.delivery_log (
    attempt_id varchar, run_id varchar, feed varchar, source varchar, source_system varchar,
    file_name varchar, relative_path varchar, sha256 varchar, manifest_sha256 varchar,
    bytes bigint,
    delivery_date date, received_at_utc timestamp,
    action varchar, reason_codes varchar[], message varchar,
    records bigint, rows_ok bigint, rows_quarantined bigint,
    rows_new bigint, rows_changed bigint, rows_unchanged bigint, rows_removed bigint,
    first_date date, last_date date,
    contract_hash varchar, lake_path varchar, recorded_at_utc timestamp
);
create table if not exists ops.quarantine (
    run_id varchar, attempt_id varchar, feed varchar, source varchar, file_id varchar,
    file_name varchar, delivery_date date, row_no bigint, reason varchar, rule_id varchar,
    owner varchar, raw varchar
);
create table if not exists ops.set_aside (
    feed varchar not null, delivery_date date not null, relative_path varchar not null,
    rule_id varchar not null, row_count bigint not null
);
create table if not exists ops.findings (
    run_id varchar, attempt_id varchar, feed varchar, source varchar, file_id varchar,
    file_name varchar, delivery_date date, code varchar, level varchar, row_no bigint,
    column_name varchar, row_count bigint, message varchar
);
create table if not exists ops.expectation_results (
    run_id varchar, subject varchar, delivery_date date, rule_id varchar, expectation varchar,
    severity varchar, owner varchar, mostly double, evaluated bigint, unexpected bigint,
    unexpected_share double, success boolean, blocks boolean, sentence varchar
);
create table if not exists ops.expectation_failures (
    run_id varchar, subject varchar, delivery_date date, rule_id varchar, severity varchar,
    owner varchar, file_id varchar, row_no bigint, row_key varchar
);
create table if not exists ops.feed_state (
    feed varchar, state varchar, reason varchar, last_accepted_delivery_date date,
    last_attempt_delivery_date date, as_of date, run_id varchar
);
create table if not exists ops.touched (
    run_id varchar, feed varchar, from_date date, to_date date
);
create table if not exists ops.withheld (
    run_id varchar, feed varchar, delivery_date date, from_date date, to_date date, reason varchar
);
"""

# Words about a contract that change no verdict on any row.
_WORDS = frozenset(
    {"description", "owner", "steward", "sensitivity", "domain", "runbook", "cadence"}
    | {"latency_days", "late_after_days"}
)
CADENCE_DAYS = {"hourly": 1, "daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92}


@dataclass(frozen=True)
class Attempt:
    """One attempt to load one file, as a row of `ops.delivery_log`.

    ``source`` names the source table of a feed that is made by a SELECT, and is None for the
    feed's own rows. ``first_date`` and ``last_date`` are the first and last day, by the wall clock,
    that rows of an accepted file speak of.
    """

    attempt_id: str
    run_id: str
    feed: str
    source: str | None
    source_system: str
    file_name: str
    relative_path: str
    sha256: str
    manifest_sha256: str | None
    bytes: int
    delivery_date: dt.date
    received_at_utc: dt.datetime
    action: str
    reason_codes: tuple[str, ...]
    message: str
    records: int
    rows_ok: int
    rows_quarantined: int
    contract_hash: str
    rows_new: int = 0
    rows_changed: int = 0
    rows_unchanged: int = 0
    rows_removed: int = 0
    first_date: dt.date | None = None
    last_date: dt.date | None = None
    lake_path: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether rows of the file became visible."""
        return self.action in ACCEPTED


@dataclass(frozen=True)
class Known:
    """What the log already says about a feed's files.

    ``records`` holds the record counts of each delivery that could be read, blocked ones too.
    """

    attempts: frozenset[tuple[str | None, str, str, str | None, str]]
    accepted: frozenset[tuple[str, str]]
    accepted_on: frozenset[tuple[str, str, dt.date]]
    records: dict[dt.date, tuple[int, ...]]

    def is_done(
        self,
        relative_path: str,
        sha256: str,
        contract: str,
        *,
        manifest: str | None = None,
        source: str | None = None,
    ) -> bool:
        """Return whether these bytes at this place were judged by this contract before."""
        return (source, relative_path, sha256, manifest, contract) in self.attempts


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas of feeds and `ops` and the log tables, where they are missing."""
    con.execute(DDL)


def attempt_id(run_id: str, feed: str, place: str, sha256: str, contract_hash: str) -> str:
    """Return the id of an attempt: the same attempt of the same run has the same id."""
    text = f"{run_id}|{feed}|{place}|{sha256}|{contract_hash}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def contract_hash(contract: Contract) -> str:
    """Return the hash of what decides a verdict: a reworded description re-judges nothing."""
    text = json.dumps(
        _without_words(contract.model_dump(mode="json", by_alias=True)), sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()


def relation_hash(feed: CompanyFeed) -> str:
    """Return the hash of a feed made by a SELECT: its contract, its SELECT and its sources."""
    parts = [contract_hash(feed.contract), feed.select or ""]
    for name in sorted(feed.sources):
        parts += [name, *(contract_hash(form.contract) for form in feed.sources[name].forms)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_words(one) for key, one in value.items() if key not in _WORDS}
    if isinstance(value, list):
        return [_without_words(one) for one in value]
    return value


def known_files(con: duckdb.DuckDBPyConnection, feed: str) -> Known:
    """Return what the log says about the files of a feed."""
    rows = con.execute(
        "select source, relative_path, sha256, manifest_sha256, contract_hash, action, "
        "delivery_date, records "
        "from ops.delivery_log where feed = ?",
        [feed],
    ).fetchall()
    own = [row for row in rows if row[0] is None]
    taken = [row for row in own if row[5] in ACCEPTED]
    records: dict[dt.date, list[int]] = {}
    for *_, action, day, count in own:
        if action in ACCEPTED or action == BLOCKED:
            records.setdefault(day, []).append(count)
    return Known(
        attempts=frozenset(row[:5] for row in rows),
        accepted=frozenset((row[2], row[4]) for row in taken),
        accepted_on=frozenset((row[2], row[4], row[6]) for row in taken),
        records={day: tuple(counts) for day, counts in records.items()},
    )


def record_attempts(
    con: duckdb.DuckDBPyConnection, attempts: list[Attempt], *, recorded_at: dt.datetime
) -> None:
    """Append attempts to the log; call inside the transaction that makes their rows visible."""
    if not attempts:
        return
    con.executemany(
        "insert into ops.delivery_log by name select ? as attempt_id, ? as run_id, ? as feed, "
        "? as source, ? as source_system, ? as file_name, ? as relative_path, ? as sha256, "
        "? as manifest_sha256, ? as bytes, ? as delivery_date, ? as received_at_utc, ? as action, "
        "?::varchar[] as reason_codes, ? as message, ? as records, ? as rows_ok, "
        "? as rows_quarantined, ? as rows_new, ? as rows_changed, ? as rows_unchanged, "
        "? as rows_removed, ? as first_date, ? as last_date, ? as contract_hash, "
        "? as lake_path, ? as recorded_at_utc",
        [
            (
                *(one.attempt_id, one.run_id, one.feed, one.source, one.source_system),
                *(one.file_name, one.relative_path, one.sha256, one.manifest_sha256),
                *(one.bytes, one.delivery_date),
                *(one.received_at_utc, one.action, list(one.reason_codes), one.message),
                *(one.records, one.rows_ok, one.rows_quarantined, one.rows_new),
                *(one.rows_changed, one.rows_unchanged, one.rows_removed),
                *(one.first_date, one.last_date, one.contract_hash),
                *(one.lake_path, recorded_at),
            )
            for one in attempts
        ],
    )


def refresh_feed_state(
    con: duckdb.DuckDBPyConnection,
    feed: str,
    contract: Contract,
    *,
    as_of: dt.date,
    run_id: str,
    missing: str | None = None,
) -> tuple[str, str]:
    """Derive from the log how a feed stands at the as-of, and write it down.

    Blocked or rejected means: its newest delivery is not visible, the feed stays at the last
    accepted one. Late means: nothing was accepted for longer than the contract's
    `late_after_days`, or else than its cadence and latency allow.

    Returns
    -------
    tuple of str
        State (ok, blocked, rejected, late, never_delivered) and the reason in words.
    """
    last_accepted, last_attempt = con.execute(
        "select max(delivery_date) filter (where list_contains(?, action)), max(delivery_date) "
        "from ops.delivery_log where feed = ? and delivery_date <= ? and source is null",
        [list(ACCEPTED), feed, as_of],
    ).fetchall()[0]
    failed = con.execute(
        "select action, delivery_date, file_name, message from ops.delivery_log "
        "where feed = ? and source is null and delivery_date <= ? and action in (?, ?) "
        "and delivery_date > coalesce(?::date, date '0001-01-01') "
        "order by delivery_date desc, relative_path desc, recorded_at_utc desc limit 1",
        [feed, as_of, BLOCKED, REJECTED, last_accepted],
    ).fetchall()
    if failed:
        action, day, name, message = failed[0]
        state = "blocked" if action == BLOCKED else "rejected"
        reason = f"{name} of {day}: {message}"
    elif last_accepted is None:
        state, reason = "never_delivered", missing or "no file of this feed was ever delivered"
    else:
        state, reason = _lateness(contract, last_accepted, as_of)
    con.execute("delete from ops.feed_state where feed = ?", [feed])
    con.execute(
        "insert into ops.feed_state values (?, ?, ?, ?, ?, ?, ?)",
        [feed, state, reason, last_accepted, last_attempt, as_of, run_id],
    )
    return state, reason


def late_after(contract: Contract) -> dt.timedelta | None:
    """Return how long after its last delivery a feed is late; None: it never is."""
    allowed = _allowed_days(contract)
    # Late on the day after the last one that is allowed.
    return None if allowed is None else dt.timedelta(days=allowed + 1)


def _allowed_days(contract: Contract) -> int | None:
    if contract.delivery.late_after_days is not None:
        return contract.delivery.late_after_days
    cadence = CADENCE_DAYS.get(contract.delivery.cadence.split()[0])
    return None if cadence is None else cadence + contract.delivery.latency_days


def _lateness(contract: Contract, last_accepted: dt.date, as_of: dt.date) -> tuple[str, str]:
    allowed = _allowed_days(contract)
    if allowed is None:
        return "ok", f"last delivery {last_accepted}; none is due at a fixed date"
    waited = (as_of - last_accepted).days
    if waited > allowed:
        return "late", f"last delivery {last_accepted}, {waited} days ago; {allowed} are allowed"
    return "ok", f"last delivery {last_accepted}"
