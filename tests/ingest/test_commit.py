"""The merge against a model in plain Python, and the laws of loading."""

import datetime as dt
import hashlib
from dataclasses import dataclass

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.contracts.model import Contract
from orchestration.ingest import commit
from orchestration.ingest.delivery_log import create_tables

AS_OF = dt.date(2026, 3, 31)
FIRST_DAY = dt.date(2026, 3, 1)


def contract(mode, scope=(), **changes):
    return Contract.model_validate(
        {
            "feed": "counts",
            "system": "mes",
            "domain": "production",
            "delivery": {"mode": mode, "scope": scope},
            "key": ["k"],
            "touches": {"from": "day", "to": "day"},
            "columns": {
                "k": {"type": "key"},
                "site": {"type": "code"},
                "qty": {"type": "dec(15,3)"},
                "day": {"type": "date"},
            },
        }
        | changes
    )


@dataclass(frozen=True)
class Row:
    k: str
    site: str = "A"
    qty: int = 1
    day: dt.date = FIRST_DAY
    bad: bool = False

    @property
    def hash(self):
        return hashlib.md5(repr(self).encode()).hexdigest()


class Home:
    """A warehouse in memory that is loaded through the functions of the module."""

    def __init__(self, feed):
        self.con = duckdb.connect()
        self.feed = feed
        self.last_accepted = None
        create_tables(self.con)
        commit.ensure_raw_table(self.con, feed)

    def load(self, *deliveries):
        """Load (delivery date, file name, rows) together, and return counts and touched dates."""
        con = self.con
        judged = []
        for number, (day, name, rows) in enumerate(deliveries):
            con.execute(
                f"create or replace temp table judged_{number} (_row_no bigint, k varchar, "
                "site varchar, qty decimal(15,3), day date, _row_hash varchar, "
                "_reasons varchar[], _raw varchar)"
            )
            if rows:
                con.executemany(
                    f"insert into judged_{number} values (?, ?, ?, ?, ?, ?, ?, null)",
                    [
                        (n, r.k, r.site, r.qty, r.day, r.hash, ["RANGE"] if r.bad else [])
                        for n, r in enumerate(rows, 1)
                    ],
                )
            file = commit.BatchFile(
                number=number,
                file_id=f"{day}{name}",
                file_name=name,
                attempt_id=f"{day}{name}",
                source_system="mes",
                relative_path=name,
                delivery_date=day,
                received_at_utc=dt.datetime.combine(day, dt.time(6)),
            )
            judged.append((f"judged_{number}", file))
        commit.gather_batch(con, self.feed, judged)
        commit.no_failures(con)
        commit.set_aside(con, "steward", {})
        days = {day for day, _, _ in deliveries}
        counts = commit.plan_merge(
            con,
            self.feed,
            blocked=(),
            accepted_days=days,
            last_accepted=self.last_accepted,
            as_of=AS_OF,
        )
        touched = commit.touched_ranges(con)
        commit.apply_merge(con, self.feed)
        self.last_accepted = max(days | ({self.last_accepted} if self.last_accepted else set()))
        return counts, touched

    def rows(self):
        found = self.con.execute("select k, site, qty::int, day from raw.counts").fetchall()
        return {Row(*row) for row in found}

    def content(self, exclude=()):
        return commit.content_hash(self.con, "raw.counts", ["k", "site"], exclude=exclude)


def day(number):
    return FIRST_DAY + dt.timedelta(days=number)


# ------------------------------------------------------------------------ against a plain model

VALUES = st.builds(
    Row,
    k=st.sampled_from("abcd"),
    site=st.just("A"),
    qty=st.integers(0, 2),
    day=st.sampled_from([day(0), day(5)]),
)
FILES = st.lists(
    st.tuples(
        st.integers(0, 4).map(day),
        st.sampled_from(["1.csv", "2.csv"]),
        st.lists(VALUES, max_size=4, unique_by=lambda row: row.k),
    ),
    max_size=7,
    unique_by=lambda file: file[:2],
).map(lambda files: sorted(files, key=lambda file: file[:2]))


def latest_per_key(files):
    """What a delta or an append leaves: the last row of every key."""
    rows = {}
    for _, _, of_file in files:
        rows |= {row.k: row for row in of_file}
    return set(rows.values())


def latest_snapshot(files):
    """What a snapshot leaves: the last row of every key of the last delivery."""
    last = max((when for when, _, _ in files), default=None)
    return latest_per_key([file for file in files if file[0] == last])


def latest_snapshot_per_site(files):
    rows = set()
    for site in {row.site for _, _, of_file in files for row in of_file}:
        parts = [(when, name, [r for r in rows if r.site == site]) for when, name, rows in files]
        rows |= latest_snapshot([part for part in parts if part[2]])
    return rows


def by_day(files):
    days = {}
    for file in files:
        days.setdefault(file[0], []).append(file)
    return list(days.values())


@settings(max_examples=25)
@given(files=FILES, mode=st.sampled_from(["append", "delta", "correction", "snapshot"]))
def test_one_by_one_or_all_at_once_the_latest_delivery_is_what_remains(files, mode):
    at_once, stepwise = Home(contract(mode)), Home(contract(mode))
    if files:
        at_once.load(*files)
    for files_of_day in by_day(files):
        stepwise.load(*files_of_day)

    expected = latest_snapshot(files) if mode == "snapshot" else latest_per_key(files)
    assert at_once.rows() == stepwise.rows() == expected
    # Equal to the last column: file, row and time of first appearance too.
    assert at_once.content() == stepwise.content()


@settings(max_examples=20)
@given(files=FILES, mode=st.sampled_from(["append", "snapshot"]), data=st.data())
def test_deliveries_that_arrive_out_of_order_leave_the_same_values(files, mode, data):
    shuffled = Home(contract(mode))
    for file in data.draw(st.permutations(files)):
        shuffled.load(file)

    expected = latest_snapshot(files) if mode == "snapshot" else latest_per_key(files)
    assert shuffled.rows() == expected


@settings(max_examples=20)
@given(files=FILES, sites=st.lists(st.sampled_from("AB"), min_size=40, max_size=40))
def test_a_scoped_snapshot_replaces_only_its_own_scope(files, sites):
    feed = contract("snapshot", scope=["site"], key=["site", "k"])
    spread = iter(sites)
    files = [
        (when, name, [Row(row.k, next(spread), row.qty, row.day) for row in rows])
        for when, name, rows in files
    ]
    at_once, stepwise = Home(feed), Home(feed)
    if files:
        at_once.load(*files)
    for files_of_day in by_day(files):
        stepwise.load(*files_of_day)

    assert at_once.rows() == stepwise.rows() == latest_snapshot_per_site(files)
    assert at_once.content() == stepwise.content()


@settings(max_examples=40)
@given(files=FILES, bad=st.lists(st.booleans(), min_size=30, max_size=30))
def test_a_row_of_a_snapshot_that_is_set_aside_leaves_the_last_good_version_of_its_key(files, bad):
    spread = iter(bad)
    files = [
        (when, "1.csv", [Row(row.k, row.site, row.qty, row.day, next(spread)) for row in rows])
        for when, name, rows in files
        if name == "1.csv"
    ]
    at_once, stepwise = Home(contract("snapshot")), Home(contract("snapshot"))
    if files:
        at_once.load(*files)
    expected = {}
    for file in files:
        _, touched = stepwise.load(file)
        before, expected = expected, {}
        for row in file[2]:
            if not row.bad:
                expected[row.k] = row
            elif row.k in before:
                expected[row.k] = before[row.k]
        assert stepwise.rows() == set(expected.values())
        assert bool(touched) == (before != expected)

    assert at_once.rows() == set(expected.values())
    assert at_once.content() == stepwise.content()


# ---------------------------------------------------------------------- what changed, and when


def test_new_changed_and_unchanged_rows_are_counted_by_their_typed_values():
    home = Home(contract("delta"))
    home.load((day(0), "1.csv", [Row("a"), Row("b"), Row("c")]))

    counts, touched = home.load(
        (day(1), "1.csv", [Row("a"), Row("b", qty=2), Row("d", day=day(9))])
    )

    assert counts == {0: commit.FileCounts(1, 1, 1, 0, first_date=day(0), last_date=day(9))}
    assert touched == [(day(0), day(0)), (day(9), day(9))]


def test_a_changed_date_touches_the_old_and_the_new_day_but_not_those_between():
    home = Home(contract("append"))
    home.load((day(0), "1.csv", [Row("a", day=day(2))]))

    _, touched = home.load((day(1), "1.csv", [Row("a", day=day(8))]))

    assert touched == [(day(2), day(2)), (day(8), day(8))]


def test_a_correction_touches_the_days_of_the_row_whose_place_it_takes():
    # `site` stands for the column that names the superseded row.
    days = {"touches": {"from": "day", "to": "day", "supersedes": "site"}}
    home = Home(contract("correction", **days))
    first, other = Row("a", site="", day=dt.date(2026, 3, 2)), Row("b", site="")
    home.load((dt.date(2026, 3, 5), "f", [first, other]))

    correction = Row("c", site="a", day=dt.date(2026, 3, 9))
    _, touched = home.load((dt.date(2026, 3, 12), "g", [correction]))

    assert touched == [(day, day) for day in (dt.date(2026, 3, 2), dt.date(2026, 3, 9))]


def test_neighbouring_days_become_one_range():
    home = Home(contract("append"))

    _, touched = home.load((day(0), "1.csv", [Row(str(n), day=day(n)) for n in (0, 1, 2, 5, 6, 9)]))

    assert touched == [(day(0), day(2)), (day(5), day(6)), (day(9), day(9))]


def test_a_row_that_a_snapshot_leaves_out_is_removed_and_touches_its_days():
    home = Home(contract("snapshot"))
    home.load((day(0), "1.csv", [Row("a"), Row("b", day=day(7))]))

    counts, touched = home.load((day(1), "1.csv", [Row("a")]))

    assert home.rows() == {Row("a")}
    assert counts == {0: commit.FileCounts(0, 0, 1, 1, first_date=day(0), last_date=day(0))}
    assert touched == [(day(7), day(7))]


def test_an_empty_snapshot_removes_everything_and_an_older_one_brings_nothing_back():
    home = Home(contract("snapshot"))
    home.load((day(0), "1.csv", [Row("a")]))
    home.load((day(2), "1.csv", []))
    assert home.rows() == set()

    counts, touched = home.load((day(1), "1.csv", [Row("a"), Row("b")]))

    assert home.rows() == set()
    assert counts == {0: commit.FileCounts(0, 0, 2, 0, first_date=day(0), last_date=day(0))}
    assert touched == []


def test_an_open_end_touches_up_to_the_as_of():
    feed = contract("append", touches={"from": "day", "to": None})
    home = Home(feed)

    _, touched = home.load((day(0), "1.csv", [Row("a", day=day(3))]))

    assert touched == [(day(3), AS_OF)]


def test_a_contract_without_touched_dates_touches_any_date():
    home = Home(contract("append", touches=None))

    assert home.load((day(0), "1.csv", [Row("a")]))[1] == [(None, None)]
    assert home.load((day(1), "1.csv", [Row("a")]))[1] == []


def test_a_row_keeps_the_file_that_first_brought_its_values():
    home = Home(contract("delta"))
    home.load((day(0), "1.csv", [Row("a")]))
    home.load((day(1), "1.csv", [Row("a")]))

    stored = home.con.execute(
        "select _file_id, _delivery_date, _received_at_utc, _last_delivery from raw.counts"
    ).fetchall()

    received = dt.datetime.combine(day(0), dt.time(6))
    assert stored == [("2026-03-011.csv", day(0), received, "2026-03-02/1.csv")]


# --------------------------------------------------------------------------------- the raw table


def test_a_feed_that_never_arrived_has_an_empty_table_with_its_types():
    home = Home(contract("append"))

    described = home.con.execute("describe raw.counts").fetchall()

    assert [(row[0], row[1]) for row in described] == [
        ("k", "VARCHAR"),
        ("site", "VARCHAR"),
        ("qty", "DECIMAL(15,3)"),
        ("day", "DATE"),
        *commit.META_COLUMNS.items(),
    ]
    assert home.rows() == set()


def test_a_changed_contract_keeps_the_values_of_the_columns_that_remain():
    home = Home(contract("append"))
    home.load((day(0), "1.csv", [Row("a", qty=3)]))

    columns = {"k": {"type": "key"}, "qty": {"type": "dec(18,4)"}, "day": {"type": "date"}}
    changed = contract("append", columns=columns | {"unit": {"type": "text?"}})
    commit.ensure_raw_table(home.con, changed)

    assert home.con.execute("select k, qty::varchar, unit from raw.counts").fetchall() == [
        ("a", "3.0000", None)
    ]


# ------------------------------------------------------------------------------- content hashes


@pytest.fixture
def con():
    with duckdb.connect() as connection:
        yield connection


def test_equal_rows_have_one_content_hash_in_any_order_and_run(con):
    con.execute("create table a as select i as k, i / 3 as v, 'one' as run_id from range(50) t(i)")
    con.execute("create table b as select v, 'two' as run_id, k from a order by k desc")

    assert commit.content_hash(con, "a", ["k"]) == commit.content_hash(con, "b", ["k"])


@pytest.mark.parametrize(
    "other",
    [
        "select 1 as k, 'ab' as x, '' as y",
        "select 1 as k, 'a' as x, 'b' as y",
        "select 1 as k, 'ab' as x, null as y union all select 2, 'ab', null",
        "select 1 as k, 'ab' as x, '-' as y",
    ],
)
def test_different_rows_have_different_content_hashes(con, other):
    con.execute("create table a as select 1 as k, 'ab' as x, null::varchar as y")
    con.execute(f"create table b as {other}")

    assert commit.content_hash(con, "a", ["k"]) != commit.content_hash(con, "b", ["k"])
