"""Waivers of rules and releases of quarantined rows, as the guard needs them: from landed acts.

Read from `raw.acts` and not from the ledger, so that a rebuild from landed files knows what the
runs knew. A waiver exempts its rule on the days of delivery on which it is valid, a release on the
one delivery that it names.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from orchestration.ingest.exemptions import Exemption
from orchestration.ledger.projection import OPEN_END, Rectangle, rectangles
from orchestration.ledger.store import Recorded

if TYPE_CHECKING:
    from collections.abc import Container

    import duckdb

# Acts of the two registers, and the consents that let them take effect.
_ACTS = """
select
    act_seq, recorded_ts_utc, act_type, subject, valid_from, valid_to, outcome, completes, fields
from raw.acts
where
    act_type like 'waiver.%' or act_type like 'release.%'
    or completes in (
        select act_seq from raw.acts
        where act_type like 'waiver.%' or act_type like 'release.%'
    )
order by act_seq
"""


def read_exemptions(
    con: duckdb.DuckDBPyConnection, feed: str, ends: Container[str]
) -> tuple[Exemption, ...]:
    """Return the exemptions of a feed that stand by all acts that have landed.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Of the warehouse; without a raw table of acts there are none.
    feed : str
        Feeds of the catalogue.
    ends : container of str
        Types whose acts cover their days with nothing.
    """
    landed = con.execute(
        "select 1 from duckdb_tables() where schema_name = 'raw' and table_name = 'acts'"
    ).fetchall()
    if not landed:
        return ()
    entries = [_entry(*row) for row in con.execute(_ACTS).fetchall()]
    return tuple(
        _exemption(truth)
        for truth in rectangles(entries, ends)
        if truth.recorded_to is None and truth.fields.get("feed") == feed
    )


def _exemption(truth: Rectangle) -> Exemption:
    rule = truth.fields["rule_id"]
    if truth.register == "release":
        day = dt.date.fromisoformat(truth.fields["delivery_date"])
        return Exemption(rule, day, day, f"let in by act {truth.act_seq}")
    until = f" until {truth.valid_to}" if truth.valid_to < OPEN_END else ""
    return Exemption(
        rule, truth.valid_from, truth.valid_to, f"waived by act {truth.act_seq}{until}"
    )


def _entry(  # noqa: PLR0917 (the columns of the query above, in its order)
    seq: int,
    recorded_at: dt.datetime,
    act_type: str,
    subject: str,
    valid_from: dt.date | None,
    valid_to: dt.date | None,
    outcome: str,
    completes: int | None,
    fields: str | None,
) -> Recorded:
    """Return an entry as the fold of the ledger reads it; what the fold does not read is absent."""
    payload: dict[str, Any] = {
        "act_type": act_type,
        "subject": subject,
        "valid_from": valid_from and valid_from.isoformat(),
        "valid_to": valid_to and valid_to.isoformat(),
        "outcome": outcome,
        "completes": completes,
        "fields": json.loads(fields) if fields else {},
    }
    return Recorded(seq, recorded_at.replace(tzinfo=dt.UTC), payload, "")
