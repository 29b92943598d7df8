"""KPI-level draws: they come from the model of the files, and plants can be switched off alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pytest

from orchestration.demo import DEFAULT_SEED, TINY, DemoSize
from orchestration.demo.company import found
from orchestration.demo.readings import (
    DUE_HOURS,
    LEAD_WEEKS,
    PLANTED,
    POINTS,
    Plants,
    answer_hours,
    line_months,
    line_oee,
    readings,
    weekly,
)
from orchestration.demo.size import day_of

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = range(30)


def test_the_model_foretells_the_oee_that_the_files_yield(tiny_home: Path):
    company = found(DEFAULT_SEED, TINY)
    spans = company.months()[: TINY.history_months]
    expected = dict(
        zip(
            [
                (line, day_of(first))
                for line in company.line_ids
                for first, _ in spans
            ],
            line_oee(company, spans).ravel().tolist(),
            strict=True,
        )
    )  # fmt: skip
    file = f"{tiny_home}/demo/published/current/kpi.fct_kpi_readings.parquet"
    rows = duckdb.execute(
        "select entity_id, period_start_date, computed_value from read_parquet(?) where "
        "kpi_id = 'KPI006' and entity_kind = 'line' and period_kind = 'month'",
        [file],
    ).fetchall()
    read = {(line, day): value for line, day, value in rows if (line, day) in expected}
    ratio = np.array([read[key] / expected[key] for key in expected])

    assert len(ratio) == TINY.lines * TINY.history_months
    # One month of a line is some 150 shifts of machines, which leaves 1.3 % of luck; products of
    # a new run time and small machines' last units make 1 to 2 % of level. Of the 36 months of the
    # default company: mean 1.014, sd 0.012, correlation 0.992.
    assert ratio.mean() == pytest.approx(1.01, abs=0.02)
    assert ratio.std() < 0.03
    of_line = ratio.reshape(TINY.lines, -1).mean(axis=1)
    assert np.abs(of_line - 1).max() < 0.05


def test_oee_has_the_planted_spread_of_leaders_lines_sites_and_months():
    drawn = [line_months(seed, replace(PLANTED, slump=0)) for seed in SEEDS]
    alone = {
        part: np.mean(
            [
                line_months(seed, replace(PLANTED, slump=0, **{part: 0.0})).oee.var()
                for seed in SEEDS
            ]
        )
        for part in ("leaders", "lines", "sites", "residual")
    }
    whole = np.mean([one.oee.var() for one in drawn])
    sds = {part: np.sqrt(whole - without) for part, without in alone.items()}

    # Within one draw the sites' mean is not known, so that five sixths of their variance is seen.
    assert sds["leaders"] == pytest.approx(1.0, abs=0.15)
    assert sds["lines"] == pytest.approx(1.5, abs=0.15)
    assert sds["sites"] == pytest.approx(np.sqrt(5 / 6), abs=0.2)
    assert sds["residual"] == pytest.approx(2.0, abs=0.1)


def test_the_residual_remembers_half_of_the_month_before():
    only_noise = replace(PLANTED, leaders=0, lines=0, sites=0, slump=0)
    after, before = [], []
    for seed in SEEDS:
        noise = line_months(seed, only_noise).oee.reshape(40, -1)
        noise = noise - 65
        after.append(noise[:, 1:].ravel())
        before.append(noise[:, :-1].ravel())

    assert np.corrcoef(np.concatenate(after), np.concatenate(before))[0, 1] == pytest.approx(
        0.5, abs=0.02
    )


def test_leaders_move_once_a_year_three_moves_in_ten_across_sites_and_nowhere_at_one():
    changes, years, across = 0, 0.0, []
    for seed in SEEDS:
        drawn = line_months(seed)
        lead, site = (part.reshape(40, -1) for part in (drawn.leader, drawn.site))
        moves = site[:, 0] != drawn.still_site
        planted = np.isin(lead, [*drawn.newcomers, drawn.after_slump])
        changed = (lead[:, 1:] != lead[:, :-1]) & ~planted[:, 1:]
        assert not changed[~moves].any()
        changes += int(changed.sum())
        years += moves.sum() * 35 / 12
        for line, month in zip(*np.nonzero(changed), strict=True):
            was = np.flatnonzero(lead[:, month] == lead[line, month + 1])
            across.append(site[was[0], 0] != site[line, 0])

    assert 12 * years / changes == pytest.approx(12, abs=1.5)
    assert np.mean(across) == pytest.approx(0.3, abs=0.03)


def test_two_leaders_are_new_and_one_without_an_effect_came_after_a_slump():
    drawn = line_months(3)
    calm = line_months(3, replace(PLANTED, slump=0))
    months = np.bincount(drawn.leader)
    lost = (calm.oee - drawn.oee).reshape(40, -1)
    line, month = np.nonzero(lost > 1e-9)

    assert [int(months[one]) for one in drawn.newcomers] == [3, 2]
    assert drawn.effect[drawn.after_slump] == 0
    assert np.unique(line).size == 1
    assert np.diff(month).tolist() == [1, 1, 1]
    assert lost[line, month] == pytest.approx(PLANTED.slump)
    lead = drawn.leader.reshape(40, -1)
    assert (lead[line[0], month[-1] + 1 :] == drawn.after_slump).all()


def test_answers_pile_up_just_below_their_due_time_and_do_not_without_the_plant():
    gamed, honest = answer_hours(1), answer_hours(1, replace(PLANTED, gamed=0))
    near = np.abs(gamed - DUE_HOURS) < 12
    moved = gamed != honest

    # The brief asks for 400 values about the threshold, or more.
    assert near.sum() >= 400
    assert moved.any()
    assert (honest[moved] > DUE_HOURS).all()
    assert (gamed[moved] <= DUE_HOURS).all()
    assert np.mean(moved[(honest > DUE_HOURS) & (honest <= DUE_HOURS + 4)]) == pytest.approx(
        1 / 3, abs=0.12
    )


@pytest.mark.parametrize(
    ("plant", "moved"), [("conflict", "rework"), ("lead", "yield"), ("redundant", "fault_rate")]
)
def test_a_switch_takes_its_own_plant_away_and_moves_nothing_else(plant: str, moved: str):
    on, off = weekly(5), weekly(5, replace(PLANTED, **{plant: 0.0}))
    differs = (on.values != off.values).any(axis=0)

    assert [name for name, one in zip(on.names, differs, strict=True) if one] == [moved]
    assert len(on.values) >= 150


def test_training_leads_yield_by_its_weeks_when_planted_to_the_full():
    drawn = weekly(2, replace(PLANTED, lead=1.0))
    leader, follower = drawn.of("training", "yield").T
    trendless = [
        one - np.polyval(np.polyfit(np.arange(one.size), one, 1), np.arange(one.size))
        for one in (leader[:-LEAD_WEEKS], follower[LEAD_WEEKS:])
    ]

    assert np.corrcoef(*trendless)[0, 1] > 0.95


def test_the_same_seed_draws_the_same_and_a_smaller_company_is_drawn_too():
    size = DemoSize(plants=3, lines=12, machines=24, leaders=20, history_months=24)
    one, again, other = readings(4), readings(4), readings(5)

    assert (one.line_months.oee == again.line_months.oee).all()
    assert (one.weekly.values == again.weekly.values).all()
    assert (one.answer_hours != other.answer_hours).any()
    assert line_months(4, Plants(), size).oee.size == 12 * 24
    assert one.line_months.oee.mean() == pytest.approx(0.65 * POINTS, abs=2)
