"""The warehouse finds in the demo company what was planted in it."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict

import pytest

from orchestration.demo import DemoSize, generate

from .conftest import House

pytestmark = pytest.mark.slow

# Eight months: enough for a mean of days, and for charts with days after their baseline.
SIZE = DemoSize(
    plants=2, lines=10, machines=20, employees=80, leaders=16, history_months=8, daily_deliveries=1
)
SHIFTED_KPI = {"availability": "KPI008", "scrap": "KPI016", "performance": "KPI009"}
WINDOW = dt.timedelta(days=60)


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    summary = generate(tmp_path_factory.mktemp("mid") / "landing", size=SIZE)
    return summary, json.loads(summary.truth.read_text("utf-8"))


@pytest.fixture(scope="module")
def mid(truth, tmp_path_factory, parsed):
    summary, _ = truth
    house = House(tmp_path_factory.mktemp("mid-home"), summary.landing, parsed)
    house.run(summary.first_delivery)
    return house


def test_a_lines_availability_is_that_of_the_formula(mid, truth):
    _, planted = truth
    posts = defaultdict(list)
    for post in planted["posts"]:
        posts[post["org_unit_id"]].append((post["from"], post["to"] or "9999", post["leader_id"]))

    def effect(unit, day):
        leader = next(who for first, last, who in posts[unit] if first <= day <= last)
        return planted["leaders"][leader]["availability_factor"]

    def level(line, day):
        site = line.partition("-")[0]
        value = planted["site_baselines"][site]["availability"]
        value *= planted["line_availability_factor"][line] * effect(f"L-{line}", day)
        value *= effect(f"S-{site}", day) ** planted["site_leader_weight"]
        for shock in planted["shocks"]:
            if site in shock["sites"] and shock["from"] <= day <= shock["to"]:
                value *= shock["availability_factor"]
        for shift in planted["process_shifts"]:
            changes = shift["measure"] == "availability" and shift["line"] == line
            if changes and shift["from"] <= day:
                value *= shift["factor"]
        return value

    expected, found = defaultdict(float), defaultdict(float)
    busy_of = defaultdict(float)
    for line, day, producing, busy in mid.query(
        "select line_id, production_date::varchar, sum(producing_minutes)::double, "
        # The demo's silent minutes are drawn apart from its stops, so they are no part of it.
        "sum(planned_busy_minutes - no_data_minutes)::double "
        "from intermediate.int_measures__machine_days group by all"
    ):
        expected[line] += busy * level(line, day)
        found[line] += producing or 0
        busy_of[line] += busy

    assert len(expected) == SIZE.lines
    for line in expected:
        # A line's day scatters by 3 % and a machine's shift by 0.1: over 160 to 240 days of two
        # machines the mean has a relative error of about 0.5 %, and four of these are 2 %.
        assert found[line] / expected[line] == pytest.approx(1, abs=0.02), line


def test_a_process_shift_is_a_signal_after_its_date(mid, truth):
    _, planted = truth
    last = mid.query("select max(calendar_date) from core.dim_days")[0][0]
    by_place = defaultdict(list)
    for shift in planted["process_shifts"]:
        by_place[shift["line"], shift["measure"]].append(shift)
    checked = 0
    for shifts in by_place.values():
        # Of several at one place the first ends with the second, which partly undoes it here.
        shift, *later = sorted(shifts, key=lambda one: one["from"])
        since = dt.date.fromisoformat(shift["from"])
        until = min([last, since + WINDOW, *(dt.date.fromisoformat(x["from"]) for x in later)])
        if until - since < WINDOW / 2:
            continue
        side = 1 if shift["factor"] > 1 else -1
        days = mid.query(
            "select period_start_date, signal_side from kpi.fct_kpi_judgements "
            "where kpi_id = ? and entity_kind = 'line' and entity_id = ? and period_kind = 'day' "
            "and reading_value is not null and period_start_date between ? and ? order by 1",
            [SHIFTED_KPI[shift["measure"]], shift["line"], since - WINDOW, until],
        )
        before = [found == side for day, found in days if day < since]
        after = [found == side for day, found in days if day >= since]
        share_before, share_after = (sum(flags) / len(flags) for flags in (before, after))
        # A leader's change before the date may be a signal too; the shift must stand out from it.
        assert any(after), shift
        assert share_after > share_before, (shift, share_before, share_after)
        checked += 1
    assert checked == 4


def test_an_entry_in_the_wrong_unit_reaches_no_reading(mid, truth):
    _, planted = truth
    (fault,) = (
        fault for fault in planted["deliveries"]
        if fault["kind"] == "unit_times_1000" and fault["delivered"] == str(truth[0].first_delivery)
    )  # fmt: skip
    name = fault["file"].rsplit("/", 1)[1]

    aside = mid.query(
        "select file_name, rule_id, owner from ops.quarantine where feed = 'mes_production_counts'"
    )

    assert aside == [(name, "good_qty_is_plausible_for_one_shift", "production-data-steward")]
    # The largest count of a shift is some thousands; the wrong one was more than 100,000.
    assert mid.query("select max(good_qty) < 50000 from raw.mes_production_counts") == [(True,)]
    ratio = mid.query(
        "select max(reading_value) from kpi.fct_kpi_readings where kpi_id = 'KPI009' "
        "and entity_kind = 'line' and period_kind = 'day'"
    )[0][0]
    # Speed is at most 1.4 of the plan in the demo; a thousandfold count would be far above.
    assert ratio < 2


def test_measured_processes_are_flagged_where_their_mean_was_moved_and_have_the_planted_spread(
    mid, truth
):
    _, planted = truth
    spread = planted["measured_spread_mm"]
    rows = mid.query(
        "select machine_id, chart_kind, sigma_within / ?, (process_mean - target_value) / ?, "
        "mean_flag_count / judged_count, refusal, cp, cpk, study_count from "
        "kpi.fct_process_capability",
        [spread, spread],
    )
    found = {row[0].rpartition("-M")[0]: row[1:] for row in rows}
    shifts = {one["line"]: one["spreads"] for one in planted["measured_mean_shifts"]}
    drifting = planted["gauge_drift"]["line"]

    assert len(found) == SIZE.lines
    flagged = {line: row[3] for line, row in found.items()}
    still = {line for line in found if line not in shifts and line != drifting}
    for line, (kind, sigma, off, _, refusal, cp, cpk, count) in found.items():
        assert (kind, count) == ("xbar_s", 24)
        # 96 degrees of freedom: a standard error of 7 %.
        assert sigma == pytest.approx(1, abs=0.3), line
        if line != drifting:
            # 24 subgroups of five with 0.2 spreads between them: a standard error of 0.1.
            assert off == pytest.approx(shifts.get(line, 0), abs=0.4), line
        if refusal is None:
            # The limits lie four spreads off.
            assert cp == pytest.approx(4 / 3 / sigma, rel=1e-6)
            assert cpk == pytest.approx((4 - abs(off)) / 3 / sigma, rel=1e-6)
    for line in (*shifts, drifting):
        assert flagged[line] > max(flagged[one] for one in still), line
    # By chance a fifth of processes that stay are refused.
    assert sum(found[line][4] is None for line in still) >= len(still) / 2
