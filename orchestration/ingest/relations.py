"""Checks that look at more than one record: keys, intervals, hierarchies, counters, history.

They run on the typed table. A record that is set aside raises no warning and takes part in
nothing; so the checks that set records aside come first.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from orchestration.contracts.model import (
    Check,
    CollapseRepeats,
    Counter,
    DateOrder,
    Distribution,
    Hierarchy,
    Late,
    NoOverlap,
    OneNamePerId,
    PeriodInName,
    Reference,
    Retroactive,
    ScaleDoubt,
    SmallCell,
    Volume,
    format_regex,
)
from orchestration.ingest.sql import column_list, quote_identifier, quote_literal
from orchestration.ingest.typed_rows import GOOD
from orchestration.ingest.typing_sql import key_columns, typed_key
from orchestration.ingest.verdict import FileRefusedError, Finding

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

    from orchestration.contracts.model import Column, Contract
    from orchestration.ingest.history import History
    from orchestration.ingest.records import Records
    from orchestration.ingest.typed_rows import TypedRows

# Codes that say "this is not a value of that type", against "this value may not be".
TYPE_CODES = frozenset(
    [
        "NOT_A_RECORD",
        "KEY_FORMAT",
        "NOT_A_NUMBER",
        "NOT_AN_INTEGER",
        "UNIT_SUFFIX",
        "NAIVE_TIMESTAMP",
        "TIMESTAMP_FORMAT",
        "INVALID_DATE",
        "EXCEL_SERIAL_DATE",
    ]
)
_PERIOD = re.compile(r"_([0-9]{8})(?:\.[A-Za-z0-9]+)+$")
_DESTROYED = r"[0-9]{2}:[0-9]{2}\.[0-9]"


class Relations:
    """All checks over one typed table; findings and drops are collected."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        contract: Contract,
        records: Records,
        rows: TypedRows,
        *,
        delivery_date: dt.date,
    ) -> None:
        self.con = con
        self.contract = contract
        self.records = records
        self.rows = rows
        self.table = rows.view
        self.delivery_date = delivery_date
        self.findings: list[Finding] = []
        self.dropped = 0

    # ------------------------------------------------------------------------------- helpers

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.con.execute(sql).fetchall()

    def _row(self, sql: str) -> tuple[Any, ...]:
        return self._rows(sql)[0]

    def _column(self, name: str) -> Column:
        return self.contract.columns[name]

    def _typed(self, name: str) -> str:
        return quote_identifier(typed_key(self.contract, name))

    def _day(self, name: str) -> str:
        """Return SQL of the day of a value: the wall clock's day of an instant."""
        column = self._column(name)
        return (
            f"{quote_identifier(name + '_local')}::date"
            if column.kind == "ts"
            else quote_identifier(name)
        )

    def _found(
        self, code: str, count: int, row: int | None, message: str, column: str | None = None
    ) -> None:
        if count:
            self.findings.append(Finding(code, row, message, column, count))

    def _count(self, condition: str) -> tuple[int, int | None]:
        """Return how many good records meet a condition, and the first."""
        return self._row(
            f"select count(*), min(_row_no) from {self.table} where {GOOD} and ({condition})"
        )

    def _checks(self, kind: type[Check]) -> list[Any]:
        return [check for check in self.contract.checks if isinstance(check, kind)]

    # ------------------------------------------------------------ rules of type for the file

    def refuse_by_type(self, issues: dict[tuple[str, str], int], well_formed: int) -> None:
        """Raise for the rules of type that judge a whole file."""
        for name, column in self.contract.columns.items():
            wrong = issues.get(("TIMESTAMP_FORMAT", name), 0)
            if column.kind == "date" and not column.nullable and 0 < well_formed == wrong:
                self._refuse_destroyed(name)
        for check in self._checks(DateOrder):
            self._refuse_date_order(check)
        for check in self._checks(ScaleDoubt):
            self._refuse_scale(check)
        if not self.contract.dialect.header and self.contract.dialect.format == "csv":
            self._refuse_profile(issues, well_formed)

    def _refuse_destroyed(self, name: str) -> None:
        position = self.records.positions[name]
        (others,) = self._row(
            f"select count(*) from {self.records.table} where _width = 0 "
            f"and not regexp_full_match(trim(f{position}), {quote_literal(_DESTROYED)})"
        )
        if others == 0:
            raise FileRefusedError(
                "DATES_DESTROYED",
                f"Every value of {name} has the form mm:ss.0: the file was opened and saved in "
                "Excel, which destroyed the dates; ask for the export itself.",
                name,
            )

    def _refuse_date_order(self, check: DateOrder) -> None:
        position = self.records.positions[check.column]
        declared = self._column(check.column).format or self.contract.dialect.date_formats
        if position is None:
            return
        for text in declared:
            swapped = text.replace("MM", "\0").replace("DD", "MM").replace("\0", "DD")
            forms = [_as_date_sql(f"trim(f{position})", form) for form in (text, swapped)]
            only_declared, only_swapped = self._row(
                f"select count(*) filter ({forms[0]} is not null and {forms[1]} is null), "
                f"count(*) filter ({forms[1]} is not null and {forms[0]} is null) "
                f"from {self.records.table} where _width = 0"
            )
            if only_swapped and not only_declared:
                raise FileRefusedError(
                    "DATE_ORDER",
                    f"{only_swapped} values of {check.column} are possible only as {swapped} and "
                    f"none proves the declared {text}: the others cannot be trusted either; ask "
                    "the sender for the order of day and month.",
                    check.column,
                )

    def _refuse_scale(self, check: ScaleDoubt) -> None:
        column, name = self._column(check.column), quote_identifier(check.column)
        low, high = column.min, column.max
        inside = f"between {low} and {high}"
        doubtful, values = self._row(
            f"select count(*) filter (not ({name} {inside}) and {name} * {check.factor} {inside}), "
            f"count({name}) from {self.table}"
        )
        if doubtful * 2 > values:
            raise FileRefusedError(
                "AMBIGUOUS_NUMBER_FORMAT",
                f"{doubtful} of {values} values of {check.column} fit their range only after times "
                f"{check.factor:,}: thousands and decimal sign were taken for each other; "
                "ask the sender for the number format.",
                check.column,
            )

    def _refuse_profile(self, issues: dict[tuple[str, str], int], well_formed: int) -> None:
        wrong: dict[str, int] = {}
        for (code, name), count in issues.items():
            if code in TYPE_CODES:
                wrong[name] = wrong.get(name, 0) + count
        for name, count in wrong.items():
            if count * 2 > well_formed:
                raise FileRefusedError(
                    "TYPE_PROFILE_MISMATCH",
                    f"{count} of {well_formed} records do not fit column {name}: without a header "
                    "that means the columns were moved; ask the sender for the layout.",
                    name,
                )

    # ---------------------------------------------------------------------------- the period

    def refuse_by_period(self, file_name: str) -> None:
        """Raise if most dated rows lie outside the period that the file's name promises."""
        match = _PERIOD.search(file_name)
        for check in self._checks(PeriodInName) if match else ():
            assert match is not None
            period = f"try_strptime('{match[1]}', '%Y%m%d')::date"
            day = self._day(check.column)
            outside, dated = self._row(
                f"select count(*) filter ({day} < {period} - {check.before_days} "
                f"or {day} > {period} + {check.after_days}), count({day}) from {self.table} "
                f"where {period} is not null"
            )
            if outside * 2 > dated:
                raise FileRefusedError(
                    "PERIOD_MISMATCH",
                    f"The name promises {match[1]}, but {outside} of {dated} rows lie outside "
                    f"{check.before_days} days before to {check.after_days} after; ask for the "
                    "right file.",
                    check.column,
                )

    # ---------------------------------------------------------------------------------- keys

    def keys(self) -> None:
        """Keep exact duplicates once; set aside all records of a key with different content."""
        names = key_columns(self.contract)
        if not names:
            return
        # Equal keys have equal hashes, a part without a value included. Others may have too (383 of
        # 1,000,000 texts alike), so the few rows whose hash occurs twice are compared themselves.
        # Sorted, not counted: ten million counters took 1.2 to 1.9 CPU s, their neighbours 0.8.
        key, pair = column_list(names), f"{self.table}__pair"
        (pairs,) = self._row(
            f"create or replace temp table {pair} as select distinct hashed from "
            "(select hashed, lag(hashed) over (order by hashed) as before from "
            f"(select hash({key}) as hashed from {self.table} where {GOOD})) "
            "where hashed = before"
        )
        if not pairs:
            return
        suspects = f"{GOOD} and hash({key}) in (select hashed from {pair})"
        numbered = (
            f"select _row_no, row_number() over (partition by {key}, _row_hash order by _row_no) "
            f"as copy from {self.table} where {suspects}"
        )
        copies, first = self.rows.drop(f"select _row_no from ({numbered}) where copy > 1")
        self.dropped += copies
        self._found(
            "EXACT_DUPLICATE",
            copies,
            first,
            f"{copies} records repeat another one in every column; each is kept once.",
        )
        count, first = self.rows.set_aside(
            f"select _row_no from (select _row_no, count(*) over (partition by {key}) as copies "
            f"from {self.table} where {suspects}) where copies > 1",
            "KEY_CONFLICT",
        )
        self._found(
            "KEY_CONFLICT",
            count,
            first,
            f"{count} records share their key ({', '.join(self.contract.key)}) with a record of "
            "other content; which one is right is for the source to say.",
        )

    # --------------------------------------------------------------------- within the file

    def within_file(self, history: History | None) -> None:
        """Run the declared checks over the records that remain."""
        # What sets aside or drops comes first: the others look at what remains.
        for check in self._checks(CollapseRepeats):
            self._collapse(check)
        for check in self._checks(NoOverlap):
            self._overlaps(check)
        for check in self._checks(NoOverlap):
            if check.on_gap == "warn":
                self._gaps(check)
        for check in self._checks(Hierarchy):
            self._hierarchy(check, history)
        simple = {
            Counter: self._resets,
            OneNamePerId: self._reused_ids,
            SmallCell: self._small_cells,
            Late: self._late,
        }
        for check in self.contract.checks:
            if type(check) in simple:
                simple[type(check)](check)

    def _collapse(self, check: CollapseRepeats) -> None:
        by = ", ".join(self._typed(name) for name in check.by)
        value = self._typed(check.value)
        before = f"lag({value}) over (partition by {by} order by _row_no)"
        repeats = (
            f"select _row_no from (select _row_no, {before} = {value} as again "
            f"from {self.table} where {GOOD}) where again"
        )
        count, first = self.rows.drop(repeats)
        self.dropped += count
        self._found(
            "COLLAPSED_REPEATS",
            count,
            first,
            f"{count} records repeat the last {check.value} of their {', '.join(check.by)}; "
            "collapsed.",
            check.value,
        )

    def _intervals(self, check: NoOverlap) -> str:
        """Return SQL of the good intervals, half open, in order of their start."""
        start, end = self._typed(check.from_), self._typed(check.to)
        if self._column(check.to).kind == "date":
            stop = f"coalesce({end} + 1, date '9999-12-31')::timestamp"
        else:
            stop = f"coalesce({end}, timestamp '9999-12-31')"
        by = ", ".join(self._typed(name) for name in check.key)
        only = f" and {self._typed(check.when)}" if check.when else ""
        return (
            f"select _row_no, _reasons, {by}, {start}::timestamp as starts, {stop} as stops "
            f"from {self.table} where {GOOD} and {start} is not null{only}"
        )

    def _overlaps(self, check: NoOverlap) -> None:
        by = ", ".join(self._typed(name) for name in check.key)
        window = f"over (partition by {by} order by starts, stops, _row_no"
        # An interval overlaps an earlier one if one of those ends after its start, and a later one
        # if that starts before its end; empty intervals overlap nothing.
        touched = (
            "select _row_no from (select _row_no, starts, stops, "
            f"max(stops) {window} rows between unbounded preceding and 1 preceding) as reached, "
            f"min(starts) {window} rows between 1 following and unbounded following) as following "
            f"from ({self._intervals(check)}) where stops > starts) "
            "where reached > starts or following < stops"
        )
        if check.on_overlap == "warn":
            count, first = self._row(f"select count(*), min(_row_no) from ({touched})")
            self._found(
                "STATES_OVERLAP",
                count,
                first,
                f"{count} intervals of the same {', '.join(check.key)} overlap; both are kept, the "
                "later one wins in sums.",
                check.from_,
            )
            return
        count, first = self.rows.set_aside(touched, "OVERLAPPING_INTERVALS")
        self._found(
            "OVERLAPPING_INTERVALS",
            count,
            first,
            f"{count} intervals of the same {', '.join(check.key)} share a day; all are set aside "
            "until the source says which holds.",
            check.from_,
        )

    def _gaps(self, check: NoOverlap) -> None:
        by = ", ".join(self._typed(name) for name in check.key)
        window = f"over (partition by {by} order by starts, stops, _row_no"
        count, first = self._row(
            "select count(*), min(_row_no) from (select _row_no, starts, "
            f"max(stops) {window} rows between unbounded preceding and 1 preceding) as reached "
            f"from ({self._intervals(check)})) where reached < starts"
        )
        self._found(
            "INTERVAL_GAP",
            count,
            first,
            f"{count} intervals begin after a gap to the one before of the same "
            f"{', '.join(check.key)}.",
            check.from_,
        )

    def _resets(self, check: Counter) -> None:
        by = ", ".join(self._typed(name) for name in check.by)
        value = self._typed(check.column)
        count, first = self._row(
            f"select count(*), min(_row_no) from (select _row_no, {value} < lag({value}) over "
            f"(partition by {by} order by _row_no) as fell from {self.table} where {GOOD}) "
            "where fell"
        )
        self._found(
            "COUNTER_RESET",
            count,
            first,
            f"{check.column} falls {count} times within the same {', '.join(check.by)}: it "
            "started again.",
            check.column,
        )

    def _reused_ids(self, check: OneNamePerId) -> None:
        by, name = self._typed(check.id), self._typed(check.name)
        ids = (
            f"select {by} from {self.table} where {GOOD} group by {by} "
            f"having count(distinct {name}) > 1"
        )
        count, first = self._count(f"{by} in ({ids})")
        self._found(
            "ID_REUSE",
            count,
            first,
            f"{count} records carry a {check.id} that has different values of {check.name}.",
            check.id,
        )

    def _small_cells(self, check: SmallCell) -> None:
        by = ", ".join(self._typed(name) for name in check.by)
        kept = "".join(
            f" and {self._typed(name)} not in ({', '.join(quote_literal(v) for v in values)})"
            for name, values in check.except_.items()
        )
        count, first = self._row(
            f"select count(*), min(first) from (select count(*) as n, min(_row_no) as first "
            f"from {self.table} where {GOOD}{kept} group by {by} having n < {check.min_rows})"
        )
        self._found(
            "SMALL_CELL",
            count,
            first,
            f"{count} groups of {', '.join(check.by)} have fewer than {check.min_rows} rows: "
            "nothing of them may be published.",
        )

    def _late(self, check: Late) -> None:
        limit = f"date '{self.delivery_date}' - {check.days}"
        count, first = self._count(f"{self._day(check.column)} < {limit}")
        self._found(
            "LATE",
            count,
            first,
            f"{count} rows are dated more than {check.days} days before the delivery of "
            f"{self.delivery_date}: closed periods change.",
            check.column,
        )

    def _hierarchy(self, check: Hierarchy, history: History | None) -> None:
        child, parent = self._typed(check.id), self._typed(check.parent)
        known = f"select {child} from {self.table} where {GOOD}"
        if check.parents_in_history and history is not None and history.rows is not None:
            known += f" union all select {child} from {history.rows}"
        count, first = self._count(
            f"{parent} is not null and {parent} not in "
            f"(select k from ({known}) as known(k) where k is not null)",
        )
        self._found(
            "MISSING_MANAGER",
            count,
            first,
            f"{count} records name a {check.parent} that was not delivered.",
            check.parent,
        )
        if check.one_root:
            # By id, because the head of an enterprise may have a row for each of its versions.
            counted = "*" if check.roots_by == "row" else f"distinct {child}"
            roots, first = self._row(
                f"select count({counted}), min(_row_no) from {self.table} "
                f"where {GOOD} and {parent} is null"
            )
            if roots > 1:
                self._found(
                    "MULTIPLE_ROOTS",
                    roots,
                    first,
                    f"{roots} {'rows' if check.roots_by == 'row' else f'different {check.id}'} "
                    f"have no {check.parent}; one is expected.",
                    check.parent,
                )
        edges = self._rows(
            f"select {child}, {parent}, _row_no from {self.table} "
            f"where {GOOD} and {parent} is not null"
        )
        in_cycles = _members_of_cycles([(edge[0], edge[1]) for edge in edges])
        rows = [edge[2] for edge in edges if edge[0] in in_cycles and edge[1] in in_cycles]
        self._found(
            "HIERARCHY_CYCLE",
            len(rows),
            min(rows, default=None),
            f"{len(rows)} records are above themselves through their {check.parent}; the rows "
            "stay, these links are cut.",
            check.parent,
        )

    # ------------------------------------------------------------------------------- history

    def against_history(self, history: History) -> None:
        """Run the rules that need earlier deliveries; a fall in volume refuses the file."""
        for check in self._checks(Volume):
            if history.last_rows is not None and self.records.count < (
                check.min_ratio * history.last_rows
            ):
                raise FileRefusedError(
                    "VOLUME_DROP",
                    f"The snapshot holds {self.records.count:,} records, the one before "
                    f"{history.last_rows:,}: loaded, the others would count as left; somebody has "
                    "to confirm it.",
                )
        if history.latest is not None and self.contract.key:
            self._restated(history)
        for check in self._checks(Reference):
            if check.reference in history.references:
                self._orphans(check, history.references[check.reference])
        for check in self._checks(Distribution):
            if history.rows is not None:
                self._distribution(check, history.rows)

    def _restated(self, history: History) -> None:
        key = history.key or tuple(typed_key(self.contract, name) for name in self.contract.key)
        joined = (
            f"from {self.table} as t join {history.latest} as h on "
            + " and ".join(
                f"t.{quote_identifier(name)} = h.{quote_identifier(name)}" for name in key
            )
            + " where len(t._reasons) = 0"
        )
        same, first = self._row(
            f"select count(*), min(t._row_no) {joined} and t._row_hash = h._row_hash"
        )
        self._found(
            "IDEMPOTENT_UPSERT",
            same,
            first,
            f"{same} records were delivered before with equal content.",
        )
        retroactive = "false"
        for check in self._checks(Retroactive):
            column = self._typed(check.column)
            limit = f"date '{self.delivery_date}' - {check.days}"
            retroactive = f"(t.{column} < {limit} and h.{column} is distinct from t.{column})"
            outer = joined.replace(" join ", " left join ", 1)
            count, first = self._row(f"select count(*), min(t._row_no) {outer} and {retroactive}")
            self._found(
                "RETROACTIVE_CHANGE",
                count,
                first,
                f"{count} records bring a {check.column} that was not known and lies more than "
                f"{check.days} days back: closed periods change.",
                check.column,
            )
        if self.contract.delivery.mode == "snapshot":
            return
        count, first = self._row(
            f"select count(*), min(t._row_no) {joined} and t._row_hash <> h._row_hash "
            f"and not coalesce({retroactive}, false)"
        )
        self._found(
            "RESTATED",
            count,
            first,
            f"{count} records were delivered before with other content; the later delivery wins.",
        )

    def _orphans(self, check: Reference, reference: str) -> None:
        name = self._typed(check.column)
        count, first = self._count(
            f"{name} is not null and {name} not in (select k from {reference} as known(k))",
        )
        self._found(
            "ORPHAN_KEY",
            count,
            first,
            f"{count} records name a {check.column} that {check.reference} does not know; they are "
            "kept with an unknown member.",
            check.column,
        )

    def _distribution(self, check: Distribution, rows: str) -> None:
        name = self._typed(check.column)
        kept, here = self._row(
            f"select count({name}), median({name}) from {self.table} where {GOOD}"
        )
        (before,) = self._row(f"select median({name}) from {rows}")
        if kept < check.min_rows or not before:
            return
        if here > check.factor * before or here < before / check.factor:
            self._found(
                "DISTRIBUTION_SHIFT",
                kept,
                None,
                f"The median of {check.column} is {here:g}, in all earlier deliveries {before:g}: "
                "has a unit changed?",
                check.column,
            )


def _as_date_sql(text: str, form: str) -> str:
    pair = format_regex(form)
    assert pair is not None
    shape, iso = pair
    return (
        f"case when regexp_full_match({text}, {quote_literal(shape)}) then "
        f"try_cast(regexp_replace({text}, {quote_literal(f'^{shape}$')}, "
        f"{quote_literal(iso)}) as date) end"
    )


def _members_of_cycles(edges: list[tuple[str, str]]) -> set[str]:
    """Return the nodes on a cycle, or between two: peel what has no way in or out."""
    parents: dict[str, set[str]] = {}
    children: dict[str, set[str]] = {}
    for child, parent in edges:
        parents.setdefault(child, set()).add(parent)
        children.setdefault(parent, set()).add(child)
    alive = parents.keys() & children.keys()
    changed = True
    while changed:
        gone = {node for node in alive if not (parents[node] & alive and children[node] & alive)}
        alive -= gone
        changed = bool(gone)
    return set(alive)
