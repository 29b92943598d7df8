"""What a run did with the deliveries, read back from the log for the person who started it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

UNANSWERED = "governance.rpt_unanswered_questions"


@dataclass(frozen=True)
class FeedOutcome:
    """What a run did with one feed."""

    feed: str
    files: int
    rows_new: int
    rows_changed: int
    rows_quarantined: int
    files_rejected: int
    state: str


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    ``messages`` say why files were refused, ``warnings`` which rules on marts failed without
    blocking publication; ``unanswered`` names the questions and parts without an answer.
    """

    run_id: str
    as_of: dt.date
    feeds: tuple[FeedOutcome, ...]
    messages: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    unanswered: tuple[dict[str, str], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}


def read_outcome(con: duckdb.DuckDBPyConnection, *, run_id: str, as_of: dt.date) -> Outcome:
    """Return what a run did: per feed its files and rows, what was refused and what was warned."""
    rows = con.execute(
        """
        select
            states.feed,
            count(attempts.attempt_id) filter (
                -- A SELECT over source tables is judged like a file, but nobody delivered it.
                where attempts.relative_path not like 'select:%'
            ),
            coalesce(sum(attempts.rows_new), 0)::bigint,
            coalesce(sum(attempts.rows_changed), 0)::bigint,
            coalesce(sum(attempts.rows_quarantined), 0)::bigint,
            count(*) filter (where attempts.action in ('reject_file', 'block_batch')),
            states.state
        from ops.feed_state as states
        left join ops.delivery_log as attempts
            on states.feed = attempts.feed and attempts.run_id = ?
        group by states.feed, states.state
        order by states.feed
        """,
        [run_id],
    ).fetchall()
    refused = con.execute(
        """
        select relative_path || ': ' || message
        from ops.delivery_log
        where run_id = ? and action in ('reject_file', 'block_batch')
        order by delivery_date, relative_path
        """,
        [run_id],
    ).fetchall()
    warned = con.execute(
        """
        select subject || ': ' || sentence || ' (' || owner || ')'
        from ops.expectation_results
        where run_id = ? and delivery_date is null and severity = 'warn' and not success
        order by subject, rule_id
        """,
        [run_id],
    ).fetchall()
    # Of other marts the keys of failing rows may be those of persons.
    unanswered = con.execute(
        "select row_key from ops.expectation_failures where run_id = ? and subject = ? order by 1",
        [run_id, UNANSWERED],
    ).fetchall()
    return Outcome(
        run_id=run_id,
        as_of=as_of,
        feeds=tuple(FeedOutcome(*row) for row in rows),
        messages=tuple(row[0] for row in refused),
        warnings=tuple(row[0] for row in warned),
        unanswered=tuple(json.loads(row[0]) for row in unanswered),
    )
