"""What is published stands: in locked periods, of KPIs whose logic nobody approved, and on cards.

A company of two sites and two KPIs, whose readings a test writes itself; acts, registers, what
stands, cards and snapshots are the product's own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from rich.console import Console

from orchestration.ingest.commit import content_hash
from orchestration.publication.kpi_diff import kpi_diff
from orchestration.publication.scorecard import read_scorecard
from orchestration.publication.snapshot import (
    PUBLISHED,
    SNAPSHOTS,
    Snapshot,
    publish,
    read_current,
)
from orchestration.publication.standing import StandingError, snapshots_to_keep, write_standing
from orchestration.publication.terminal import card_view
from orchestration.registry.archive import archive
from orchestration.registry.logic import Logic, definition_bytes, text_hash
from tests.warehouse.conftest import READING, Bare

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

JULY, AUGUST = "2026-07-01", "2026-08-01"
ENDS = {JULY: "2026-07-31", AUGUST: "2026-08-31"}
OEE, SCRAP = "KPI006", "KPI016"
BEFORE = (
    *("stg_ledger__acts", "int_acts__effective", "reg_definition", "reg_lifecycle"),
    *("reg_period_lock", "int_run__parameters", "int_locks__in_force", "int_kpis__publication"),
)
AFTER = (
    *("kpi_publication", "fct_published_readings", "fct_published_judgements"),
    *("fct_late_adjustments", "dim_card_lines", "rpt_site_scorecard", "rpt_leader_scorecard"),
)
RELATIONS = {
    name: PUBLISHED[name]
    for name in (
        *("core.dim_org_units", "core.bridge_entity_units", "core.dim_periods"),
        *("kpi.fct_kpi_readings", "kpi.fct_kpi_judgements", "kpi.fct_late_adjustments"),
        *("governance.kpi_publication", "registry.kpis", "scorecard.dim_card_lines"),
        *("scorecard.rpt_site_scorecard", "scorecard.rpt_leader_scorecard"),
    )
}
TABLES = """
create schema if not exists core; create schema if not exists kpi;
create or replace table core.dim_org_units (
    org_unit_id varchar, parent_id varchar, valid_from date, valid_to date);
create or replace table core.bridge_entity_units (
    entity_kind varchar, entity_id varchar, org_unit_id varchar, valid_from date, valid_to date);
create or replace table core.dim_periods (
    period_kind varchar, period_start_date date, period_end_date date, period_label varchar);
create or replace table kpi.fct_reading_components (
    measure_id varchar, entity_kind varchar, entity_id varchar, period_kind varchar,
    period_start_date date, last_delivery_date date);
"""
# What the test writes in the place of what a run builds, with the columns that the mart promises.
WRITTEN = ("fct_kpi_readings", "fct_kpi_judgements")
TREE = {"S-A": "ENT", "S-B": "ENT", "ENT": None}
PLACES = {("site", "A"): "S-A", ("site", "B"): "S-B", ("leader", "E1"): "S-A"}


class Shop(Bare):
    """The company; `figures` are what its next run builds: (KPI, kind, id, month) to value.

    A value of 4 is 400 of 100 and earns 4 points. `logic` holds the hash of each KPI's logic.
    """

    def __init__(self, home: Path, parsed: Path) -> None:
        super().__init__(home, parsed, dt.date(2026, 9, 1))
        self.acts: list[dict[str, Any]] = []
        self.logic = {OEE: "a" * 64, SCRAP: "5" * 64}
        self.figures: dict[tuple[str, str, str, str], float] = {}
        self.places = dict(PLACES)
        self.templates = [("site_monthly", 1, "2000-01-01", {OEE: "0.6", SCRAP: "0.4"})]
        self.day = dt.date(2026, 9, 1)
        self.hangs_on: dict[str, str] = {}

    def act(self, act_type: str, subject: str, **fields: Any) -> int:
        """Enter an act that took effect at once, valid from the start of the year."""
        self.acts.append(
            {
                "act_seq": len(self.acts) + 1,
                "recorded_ts_utc": f"2026-09-01 {len(self.acts):02}:00",
                "act_type": act_type,
                "actor_id": "E100001",
                "subject": f"{act_type.partition('.')[0]}|{subject}",
                "valid_from": "2026-01-01",
                "outcome": "effective",
                "fields": json.dumps(fields),
            }
        )
        return len(self.acts)

    def run(self, *, is_published: bool = True) -> Snapshot | None:
        """Build, find what stands and publish, as of the next day."""
        self.day += dt.timedelta(days=1)
        self.begin(self.day)
        self.execute("delete from raw.acts")
        self.write("acts", *self.acts)
        self._write_tables()
        self.build_models([f"model.steelyard.{name}" for name in BEFORE])
        with self.warehouse.connect() as con:
            write_standing(con, self.settings.published)
        self.build_models([f"model.steelyard.{name}" for name in AFTER])
        if not is_published:
            return None
        with self.warehouse.connect() as con:
            return publish(
                con,
                self.settings.published,
                company="shop",
                as_of=self.day,
                relations=RELATIONS,
                keep_days=7,
                keep=snapshots_to_keep(con),
            )

    def _write_tables(self) -> None:
        with self.warehouse.connect() as con:
            con.execute(TABLES)
            for name in WRITTEN:
                promised = self.manifest["nodes"][f"model.steelyard.{name}"]["columns"].values()
                columns = ", ".join(f"{one['name']} {one['data_type']}" for one in promised)
                con.execute(f"create or replace table kpi.{name} ({columns})")
            con.execute("delete from registry.scorecard_templates")
            con.execute("delete from registry.scorecard_items")
            con.execute("update registry.kpis set consequences_from_date = null")
            for kpi, since in self.hangs_on.items():
                con.execute(
                    "update registry.kpis set consequences_from_date = ? where kpi_id = ?",
                    [since, kpi],
                )
            for kpi, found in self.logic.items():
                con.execute(
                    "update registry.kpi_logic set logic_hash = ? where kpi_id = ?", [found, kpi]
                )
            for name, version, since, weights in self.templates:
                later = [day for _, other, day, _ in self.templates if other > version]
                until = min((day for day in later if day > since), default=None)
                con.execute(
                    "insert into registry.scorecard_templates values "
                    "(?, ?, ?, 'site', 'month', ?, ?::date - 1, ?)",
                    [name, version, f"Card {version}", since, until, str(weights)],
                )
                for position, (kpi, weight) in enumerate(weights.items(), start=1):
                    con.execute(
                        "insert into registry.scorecard_items values (?, ?, ?, ?, ?)",
                        [name, version, position, kpi, weight],
                    )
            for unit, parent in TREE.items():
                con.execute(
                    "insert into core.dim_org_units values (?, ?, '2020-01-01', '9999-12-31')",
                    [unit, parent],
                )
            for place, unit in self.places.items():
                con.execute(
                    "insert into core.bridge_entity_units "
                    "values (?, ?, ?, '2020-01-01', '9999-12-31')",
                    [*place, unit],
                )
            for start, end in ENDS.items():
                con.execute(
                    "insert into core.dim_periods values ('month', ?, ?, ?)",
                    [start, end, start[:7]],
                )
            con.execute(
                "insert into core.dim_periods values "
                "('quarter', '2026-07-01', '2026-09-30', '2026-Q3')"
            )
            for (kpi, kind, place, start), value in self.figures.items():
                key = [kpi, kind, place, "month", start]
                con.execute(
                    "insert into kpi.fct_kpi_readings (kpi_id, entity_kind, entity_id, "
                    "period_kind, period_start_date, period_end_date, unit, numerator, "
                    "denominator, n, reading_value, finality, trust_state, final_on_date, "
                    "definition_version, definition_hash) values (?, ?, ?, ?, ?, ?, 'ratio', "
                    "?, 100, 100, ?, 'final', 'ok', '2026-08-05', 1, ?)",
                    [*key, ENDS[start], value * 100, value, self.logic[kpi][:8]],
                )
                con.execute(
                    "insert into kpi.fct_kpi_judgements (kpi_id, entity_kind, entity_id, "
                    "period_kind, period_start_date, target_level, band, score) "
                    "values (?, ?, ?, ?, ?, 8, 'threshold', ?)",
                    [*key, value],
                )
                con.execute(
                    "insert into kpi.fct_reading_components "
                    "select measure_id, ?, ?, 'month', ?, ? from registry.kpi_terms "
                    "where kpi_id = ? group by measure_id",
                    [kind, place, start, self.day, kpi],
                )

    # ------------------------------------------------------------------------- what is published

    def published(self, columns: str, relation: str, where: str = "true") -> list[tuple[Any, ...]]:
        path = read_current(self.settings.published).folder / f"{relation}.parquet"
        return duckdb.execute(
            f"select {columns} from '{path}' where {where} order by all"
        ).fetchall()

    def value(self, kpi: str, kind: str, place: str, start: str) -> float | None:
        """Return the published value of a reading."""
        found = self.published(
            "reading_value",
            "kpi.fct_kpi_readings",
            f"kpi_id='{kpi}' and entity_kind='{kind}' and entity_id='{place}' "
            f"and period_start_date='{start}'",
        )
        return found[0][0] if found else None

    def card(self, site: str, start: str, columns: str = "*") -> list[tuple[Any, ...]]:
        return self.published(
            columns,
            "scorecard.rpt_site_scorecard",
            f"site_id='{site}' and period_start_date='{start}'",
        )


@pytest.fixture
def shop(tmp_path, parsed):
    house = Shop(tmp_path / "shop", parsed)
    for place in PLACES:
        house.figures |= {(OEE, *place, JULY): 4.0, (SCRAP, *place, JULY): 8.0}
    return house


def approve(shop, kpi=OEE, found=None):
    return shop.act("definition.baseline", kpi, kpi_id=kpi, to_hash=found or shop.logic[kpi])


def lock(shop, unit, period, snapshot):
    return shop.act(
        "period_lock.lock", f"{unit}|{period}", org_unit_id=unit, period=period,
        snapshot=snapshot.content_hash,
    )  # fmt: skip


# -------------------------------------------------------------------------------- change control


def test_unapproved_figures_are_built_and_the_last_approved_ones_stand_with_the_reason(shop):
    approve(shop)
    shop.run()
    shop.logic[OEE] = "b" * 64
    shop.figures |= {(OEE, "site", "A", JULY): 6.0, (SCRAP, "site", "A", JULY): 9.0}
    shop.run()

    assert shop.value(OEE, "site", "A", JULY) == 4.0
    assert shop.value(SCRAP, "site", "A", JULY) == 9.0
    built = "select reading_value from kpi.fct_kpi_readings where kpi_id = ? and entity_id = 'A'"
    assert shop.query(built, [OEE]) == [(6.0,)]
    # 0.6 x 4 + 0.4 x 9, as the lines show.
    card = shop.card("A", JULY, "kpi_id, score, total_score, is_withheld, trust_state")
    assert card == [(OEE, 4.0, 6.0, True, "withheld"), (SCRAP, 9.0, 6.0, False, "ok")]
    said = shop.published("distinct trust_reason", "kpi.fct_kpi_readings", f"kpi_id='{OEE}'")
    assert said == [
        (
            "Act 1 approved the logic aaaaaaaaaaaa; the present logic, bbbbbbbbbbbb, is withheld "
            "since 2026-09-03 (steelyard kpi diff KPI006). The figure is the one published as of "
            "2026-09-02.",
        )
    ]


def test_figures_stand_for_as_long_as_it_takes_and_new_periods_have_none(shop):
    approve(shop)
    shop.run()
    shop.logic[OEE] = "b" * 64
    shop.run()
    shop.figures |= {(OEE, "site", "A", JULY): 6.0, (OEE, "site", "A", AUGUST): 7.0}
    shop.figures[SCRAP, "site", "A", AUGUST] = 9.0
    shop.run()

    assert shop.value(OEE, "site", "A", JULY) == 4.0
    card = shop.card("A", AUGUST, "kpi_id, reading_value, score, total_score, measured_weight")
    assert [tuple(map(str, line)) for line in card] == [
        (OEE, "None", "None", "9.0", "0.400000"),
        (SCRAP, "9.0", "9.0", "9.0", "0.400000"),
    ]
    since = shop.published(
        "withheld_since_date::varchar, stands_as_of_date::varchar",
        "governance.kpi_publication",
        "is_withheld",
    )
    assert since == [("2026-09-03", "2026-09-02")]


def test_an_approval_publishes_the_new_figures_and_a_return_to_the_old_logic_too(shop):
    approve(shop)
    shop.run()
    shop.logic[OEE] = "b" * 64
    shop.figures[OEE, "site", "A", JULY] = 6.0
    shop.run()
    shop.act("definition.change", OEE, kpi_id=OEE, from_hash="a" * 64, to_hash="b" * 64)
    shop.run()
    assert shop.value(OEE, "site", "A", JULY) == 6.0
    assert shop.published("count(*)", "kpi.fct_kpi_readings", "is_withheld") == [(0,)]

    shop.logic[OEE] = "c" * 64
    shop.figures[OEE, "site", "A", JULY] = 2.0
    shop.run()
    assert shop.value(OEE, "site", "A", JULY) == 6.0

    shop.logic[OEE] = "b" * 64
    shop.run()
    assert shop.value(OEE, "site", "A", JULY) == 2.0


def test_a_kpi_that_was_never_published_under_an_approved_logic_has_rows_without_figures(shop):
    approve(shop, found="b" * 64)
    shop.run()

    rows = shop.published(
        "distinct reading_value, numerator, trust_state, trust_reason",
        "kpi.fct_kpi_readings",
        f"kpi_id='{OEE}'",
    )
    assert rows == [
        (
            None,
            None,
            "withheld",
            "Act 1 approved the logic bbbbbbbbbbbb; the present logic, aaaaaaaaaaaa, is withheld "
            "since 2026-09-02 (steelyard kpi diff KPI006).",
        )
    ]


@pytest.mark.parametrize("state", ["draft", "assess", "approve"])
def test_a_kpi_before_it_is_live_is_built_and_not_published(shop, state):
    shop.act(f"lifecycle.{state}", OEE, kpi_id=OEE)
    shop.run()

    assert shop.value(OEE, "site", "A", JULY) is None
    assert shop.query("select count(*) from kpi.fct_kpi_readings where kpi_id = ?", [OEE]) == [(3,)]
    assert shop.card("A", JULY, "kpi_id, total_score") == [(SCRAP, 8.0)]


def test_a_kpi_that_pay_hangs_on_leaves_the_cards_on_the_day_unless_the_board_approved_it(shop):
    # Pay hangs on OEE from 1 August on, and nobody has decided anything about either KPI.
    shop.hangs_on = {OEE: "2026-08-01"}
    shop.figures |= {(OEE, "site", "A", AUGUST): 5.0, (SCRAP, "site", "A", AUGUST): 9.0}
    shop.run()

    assert shop.card("A", JULY, "kpi_id, score") == [(OEE, 4.0), (SCRAP, 8.0)]
    assert shop.card("A", AUGUST, "kpi_id, score") == [(SCRAP, 9.0)]
    said = (
        "select lifecycle_state, approval_due_date::varchar, left_out_from_date::varchar "
        "from governance.kpi_publication where kpi_id = ?"
    )
    assert shop.query(said, [OEE]) == [("unapproved", "2026-08-01", "2026-08-01")]
    assert shop.query(said, [SCRAP]) == [("grandfathered", None, None)]

    shop.act("lifecycle.adopt", OEE, kpi_id=OEE)
    shop.run()

    assert shop.card("A", AUGUST, "kpi_id, score") == [(OEE, 5.0), (SCRAP, 9.0)]
    assert shop.query(said, [OEE]) == [("live", None, None)]


def test_until_something_hangs_on_it_a_kpi_that_nobody_approved_stays_and_its_card_says_so(shop):
    shop.hangs_on = {OEE: "2027-01-01"}
    shop.run()

    assert shop.card("A", JULY, "kpi_id, score") == [(OEE, 4.0), (SCRAP, 8.0)]
    card = read_scorecard(read_current(shop.settings.published), "site", subject="A")
    assert [(line.kpi_id, line.lifecycle_state, line.approval_due) for line in card.lines] == [
        (OEE, "grandfathered", "2027-01-01"),
        (SCRAP, "grandfathered", None),
    ]
    shown = io.StringIO()
    Console(file=shown, width=200).print(card_view(card, "2026-09-02"))
    told = " ".join(shown.getvalue().split())
    assert "In use and approved by nobody:" in told
    assert "something hangs on it for people from 2027-01-01 on" in told
    assert "Scrap ratio: in use since before acts were kept." in told


def test_a_retired_kpi_keeps_its_history_and_stands_on_no_later_card(shop):
    shop.figures |= {(OEE, "site", "A", AUGUST): 5.0, (SCRAP, "site", "A", AUGUST): 9.0}
    shop.act("lifecycle.retire", OEE, kpi_id=OEE, reason="Nobody asks for it any more.")
    shop.acts[-1]["valid_from"] = "2026-07-15"
    shop.run()

    assert shop.card("A", JULY, "kpi_id, score") == [(OEE, 4.0), (SCRAP, 8.0)]
    assert shop.card("A", AUGUST, "kpi_id, score") == [(SCRAP, 9.0)]


def test_a_withheld_kpi_that_is_retired_keeps_what_stands_of_the_time_before(shop):
    approve(shop)
    shop.figures[OEE, "site", "A", AUGUST] = 5.0
    shop.run()
    shop.logic[OEE] = "b" * 64
    shop.figures |= {(OEE, "site", "A", JULY): 6.0, (OEE, "site", "A", AUGUST): 6.0}
    shop.act("lifecycle.retire", OEE, kpi_id=OEE, reason="Nobody asks for it any more.")
    shop.acts[-1]["valid_from"] = "2026-07-15"
    shop.run()

    assert shop.value(OEE, "site", "A", JULY) == 4.0
    assert shop.value(OEE, "site", "A", AUGUST) is None


# ------------------------------------------------------------------------------------------ locks


@pytest.fixture
def locked(shop):
    """July of site A is locked; then late facts come for both sites."""
    snapshot = shop.run()
    shop.before = shop.card("A", JULY)
    shop.lock = lock(shop, "S-A", "2026-07", snapshot)
    shop.figures |= {(OEE, "site", place, JULY): 5.5 for place in "AB"}
    shop.figures[OEE, "leader", "E1", JULY] = 5.5
    shop.run()
    return shop


def test_a_locked_card_does_not_change_when_late_facts_come(locked):
    path = read_current(locked.settings.published).folder
    after = duckdb.execute(
        f"select * from '{path}/scorecard.rpt_site_scorecard.parquet' where site_id='A'"
    )
    columns = [column[0] for column in after.description]
    held = {columns.index("is_locked"), columns.index("stands_by_act_seq")}

    def bare(rows):
        return [[v for at, v in enumerate(row) if at not in held] for row in rows]

    assert bare(locked.card("A", JULY)) == bare(locked.before)
    assert locked.card("A", JULY, "distinct is_locked, stands_by_act_seq") == [(True, locked.lock)]
    assert locked.value(OEE, "leader", "E1", JULY) == 4.0
    assert locked.value(OEE, "site", "B", JULY) == 5.5
    assert locked.card("B", JULY, "kpi_id, score, is_locked") == [
        (OEE, 5.5, False),
        (SCRAP, 8.0, False),
    ]


def test_what_late_facts_would_change_is_a_late_adjustment(locked):
    found = locked.published(
        "kpi_id, entity_kind, entity_id, locked_numerator::int, present_numerator::int, "
        "locked_value, present_value, value_difference, last_delivery_date::varchar, "
        "locked_as_of_date::varchar, locked_by_act_seq, is_same_definition",
        "kpi.fct_late_adjustments",
    )

    rest = (400, 550, 4.0, 5.5, 1.5, "2026-09-03", "2026-09-02", locked.lock, True)
    assert found == [(OEE, "leader", "E1", *rest), (OEE, "site", "A", *rest)]


def test_what_the_locked_snapshot_did_not_have_is_not_added_to_the_period(locked):
    locked.figures[SCRAP, "site", "A2", JULY] = 3.0
    locked.places["site", "A2"] = "S-A"
    locked.run()

    assert locked.value(SCRAP, "site", "A2", JULY) is None
    late = locked.published(
        "locked_value, present_value", "kpi.fct_late_adjustments", "entity_id='A2'"
    )
    assert late == [(None, 3.0)]


def test_a_later_correction_of_the_org_tree_does_not_open_a_locked_card(locked):
    locked.places["site", "A"] = "S-B"
    locked.run()

    assert locked.value(OEE, "site", "A", JULY) == 4.0


def test_a_released_period_shows_the_present_figures_again(locked):
    locked.act("period_lock.release", "S-A|2026-07", org_unit_id="S-A", period="2026-07")
    locked.run()

    assert locked.value(OEE, "site", "A", JULY) == 5.5
    assert locked.published("*", "kpi.fct_late_adjustments") == []


def test_a_locked_card_stands_also_where_the_kpi_is_withheld_later(locked):
    approve(locked)
    locked.logic[OEE] = "b" * 64
    locked.figures |= {(OEE, "site", "A", JULY): 9.0, (OEE, "site", "B", JULY): 9.0}
    locked.run()

    states = locked.published(
        "entity_id, reading_value, trust_state, is_locked",
        "kpi.fct_kpi_readings",
        f"kpi_id='{OEE}' and entity_kind='site'",
    )
    assert states == [("A", 4.0, "ok", True), ("B", 5.5, "withheld", False)]
    assert locked.published(
        "value_difference, is_same_definition", "kpi.fct_late_adjustments", "entity_id='A'"
    ) == [(5.0, False)]


def test_a_lock_of_a_month_leaves_other_months_open_and_one_of_a_quarter_closes_its_months(locked):
    locked.figures |= {(OEE, "site", "A", AUGUST): 5.0, (SCRAP, "site", "A", AUGUST): 5.0}
    second = locked.run()
    assert locked.value(OEE, "site", "A", AUGUST) == 5.0

    lock(locked, "ENT", "2026-Q3", second)
    locked.figures |= {(OEE, "site", "A", AUGUST): 6.0, (OEE, "site", "B", JULY): 6.0}
    locked.run()

    # July of A is that of the first lock, and the second snapshot says the same.
    values = [locked.value(OEE, "site", *key) for key in (("A", JULY), ("A", AUGUST), ("B", JULY))]
    assert values == [4.0, 5.0, 5.5]


def test_without_the_locked_snapshot_nothing_is_published_and_the_cure_is_said(locked):
    published = locked.settings.published
    first = min((published / SNAPSHOTS).iterdir())
    current = read_current(published)
    shutil.move(first, locked.home / "aside")

    with pytest.raises(StandingError, match=r"Period 2026-07 of S-A is locked by act 1 on the"):
        locked.run()
    assert read_current(published) == current

    shutil.move(locked.home / "aside", first)
    path = first / "kpi.fct_kpi_readings.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StandingError, match="not what was published, and figures stand on it"):
        locked.run()


def test_a_locked_snapshot_is_never_forgotten_and_others_are(locked):
    folders = sorted((locked.settings.published / SNAPSHOTS).iterdir())
    long_ago = time.time() - 100 * 86_400
    for folder in folders:
        os.utime(folder, (long_ago, long_ago))
    locked.figures[SCRAP, "site", "B", JULY] = 1.0
    locked.run()

    left = sorted((locked.settings.published / SNAPSHOTS).iterdir())
    # The locked one, the one that was the current one until now, and the new one.
    assert left == [*folders, read_current(locked.settings.published).folder]
    os.utime(folders[1], (long_ago, long_ago))
    locked.figures[SCRAP, "site", "B", JULY] = 2.0
    locked.run()
    assert folders[0].is_dir()
    assert not folders[1].is_dir()


def test_a_new_warehouse_over_the_same_snapshots_publishes_the_same(locked, tmp_path, parsed):
    approve(locked, kpi=SCRAP)
    locked.run()
    locked.logic[SCRAP] = "6" * 64
    locked.figures[SCRAP, "site", "B", JULY] = 1.0
    withheld = locked.run()
    anew = Shop(tmp_path / "anew", parsed)
    shutil.copytree(locked.settings.published, anew.settings.published, symlinks=True)
    for name in ("acts", "logic", "figures", "places"):
        setattr(anew, name, getattr(locked, name))
    anew.day = locked.day - dt.timedelta(days=1)

    rebuilt = anew.run()

    # The as-of of a reading's last delivery is the run's in this company; all else is the same.
    late = "kpi.fct_late_adjustments"
    hashes = [
        {table.relation: table.content_hash for table in snapshot.tables if table.relation != late}
        for snapshot in (withheld, rebuilt)
    ]
    assert hashes[0] == hashes[1]
    assert anew.value(SCRAP, "site", "B", JULY) == 8.0


def test_finding_what_stands_twice_finds_the_same(locked):
    def hashes():
        with locked.warehouse.connect() as con:
            write_standing(con, locked.settings.published)
            return [
                content_hash(con, "standing.readings", READING),
                content_hash(con, "standing.judgements", READING),
                content_hash(con, "standing.card_lines", ("subject_id", "kpi_id")),
            ]

    assert hashes() == hashes()


def test_a_forecast_is_carried_on_as_it_was_said_and_not_into_the_days_before(shop):
    shop.run(is_published=False)
    with shop.warehouse.connect() as con:
        con.execute(
            "create table kpi.fct_forecast_record as select 'KPI006' as kpi_id, "
            "'site' as entity_kind, place as entity_id, date '2026-08-01' as last_month_date, "
            "said::date as said_on_date, 'mean' as forecast_method, 4.0::double as expected_value, "
            "3.0::double as low_value, 5.0::double as high_value, 9.0::double as actual_value "
            "from (values ('A', '2026-09-02'), ('B', '2026-12-24')) as one (place, said)"
        )
        publish(
            con,
            shop.settings.published,
            company="shop",
            as_of=shop.day,
            relations=RELATIONS | {"kpi.fct_forecast_record": PUBLISHED["kpi.fct_forecast_record"]},
            keep_days=7,
            keep=set(),
        )
        con.execute("drop table kpi.fct_forecast_record")

    shop.run(is_published=False)

    rows = shop.query("select entity_id, said_on_date, expected_value from standing.forecasts")
    assert rows == [("A", dt.date(2026, 9, 2), 4.0)]


# -------------------------------------------------------------------------------------- templates


def test_a_begun_period_keeps_its_template_whatever_is_written_later(shop):
    shop.run()
    # A second version that claims to have been in force for years, and a first one rewritten.
    shop.templates = [
        ("site_monthly", 1, "2000-01-01", {OEE: "0.9", SCRAP: "0.1"}),
        ("site_monthly", 2, "2020-01-01", {OEE: "0.1", SCRAP: "0.9"}),
    ]
    shop.run()

    assert shop.card("A", JULY, "template_version, weight::double, total_score") == [
        (1, 0.4, 5.6),
        (1, 0.6, 5.6),
    ]


def test_a_period_that_has_not_begun_takes_the_version_in_force_on_its_first_day(shop, monkeypatch):
    monkeypatch.delitem(ENDS, AUGUST)
    shop.run()
    monkeypatch.setitem(ENDS, AUGUST, "2026-08-31")
    shop.figures |= {(OEE, "site", "A", AUGUST): 4.0, (SCRAP, "site", "A", AUGUST): 8.0}
    shop.templates.append(("site_monthly", 2, "2020-01-01", {OEE: "0.1", SCRAP: "0.9"}))
    shop.run()

    july = shop.card("A", JULY, "distinct template_version, title, total_score")
    august = shop.card("A", AUGUST, "distinct template_version, title, total_score")
    # 0.6 x 4 + 0.4 x 8 and 0.1 x 4 + 0.9 x 8
    assert (july, august) == ([(1, "Card 1", 5.6)], [(2, "Card 2", 7.6)])


# --------------------------------------------------------------------------------------- kpi diff


def logic_of(sql, **fields):
    """Return what a KPI that rests on one model rests on."""
    definition = {"kpi": {"id": OEE, **fields}, "measures": {}, "sql": {"m": text_hash(sql)}}
    found = hashlib.sha256(definition_bytes(definition)).hexdigest()
    return Logic(OEE, found, definition, {text_hash(sql): sql})


def test_a_shadow_run_says_what_changes_per_entity(shop):
    old = logic_of("select 1\nfrom t", name="OEE")
    new = logic_of("select 2\nfrom t", name="OEE", multiplier="100")
    archive(shop.settings.company_home, [old, new])
    shop.logic[OEE] = old.hash
    approve(shop)
    shop.figures[OEE, "site", "B", AUGUST] = 5.0
    # A locked period stands whatever is decided, so it is not compared.
    lock(shop, "S-B", "2026-08", shop.run())
    shop.logic[OEE] = new.hash
    shop.figures[OEE, "site", "B", AUGUST] = 50.0
    shop.figures |= {(OEE, "site", "A", JULY): 4.5, (OEE, "leader", "E1", JULY): 1.0}
    shop.figures[OEE, "site", "A", AUGUST] = 3.0
    shop.run()

    with shop.warehouse.connect() as con:
        diff = kpi_diff(con, shop.settings.company_home, shop.settings.published, new)

    assert (diff.old_hash, diff.new_hash) == (old.hash, new.hash)
    assert (diff.approved_by_act_seq, diff.is_withheld) == (1, True)
    assert [(one.field, one.old, one.new) for one in diff.fields] == [("multiplier", "-", '"100"')]
    assert diff.sql[0].diff.splitlines()[-3:] == ["-select 1", "+select 2", " from t"]
    shadow = diff.shadow
    assert (shadow.compared, shadow.changed, shadow.only_old, shadow.only_new) == (3, 2, 0, 1)
    assert shadow.largest_change == -3.0
    assert [
        (one.entity_kind, one.entity_id, one.compared, one.changed, one.largest_change)
        for one in shadow.entities
    ] == [("leader", "E1", 1, 1, -3.0), ("site", "A", 1, 1, 0.5), ("site", "B", 1, 0, 0.0)]
    assert (shadow.old_as_of, shadow.new_as_of) == ("2026-09-02", "2026-09-03")


def test_before_a_run_has_built_the_new_definition_there_are_no_figures_to_compare(shop):
    old, new = logic_of("select 1"), logic_of("select 2")
    archive(shop.settings.company_home, [old])
    shop.logic[OEE] = old.hash
    shop.run()

    with shop.warehouse.connect() as con:
        diff = kpi_diff(con, shop.settings.company_home, shop.settings.published, new)

    assert diff.shadow is None
    assert diff.approved_by_act_seq is None
    assert [change.name for change in diff.sql] == ["m"]
