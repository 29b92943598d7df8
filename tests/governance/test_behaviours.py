"""What goes with behaviours is told from what they answer, from habits, and never of one leader."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.behaviours import COLUMNS, LAGS, link_behaviours
from orchestration.statistics.experiments.lagged import lagged_effects
from orchestration.statistics.refusal import Refusal

SITES, TENURES, MONTHS = 3, 12, 24
SITE = np.repeat(np.arange(SITES), TENURES // SITES)
LEADER = np.arange(TENURES)


def company(*, seed=1, later=0.0, earlier=0.0, noise=0.1):
    """Walks by chance; `later` is what each adds two months on, `earlier` what it answers."""
    rng = np.random.default_rng(seed)
    walks = rng.integers(0, 9, (TENURES, MONTHS)).astype(float)
    outcome = noise * rng.normal(size=walks.shape)
    outcome[:, 2:] += later * walks[:, :-2]
    outcome[:, :-2] += earlier * walks[:, 2:]
    # Levels of leaders and a course of sites, larger than all else.
    outcome += 100.0 * LEADER[:, None] + rng.normal(scale=20, size=(SITES, MONTHS))[SITE]
    return outcome, walks


def rows(outcome, walks, *, direction="higher", kpi="KPI1", kind="gemba_walk"):
    line, month = np.indices(outcome.shape)
    keys = {
        "leader_id": [f"E{one}" for one in line.ravel()],
        "period_start_date": (np.datetime64("2024-01") + month.ravel()).astype("datetime64[D]"),
    }
    readings = pd.DataFrame({
        "kpi_id": kpi, "line_id": line.ravel(), "site_id": SITE[line.ravel()], **keys,
        "computed_value": outcome.ravel(), "direction": direction,
    })  # fmt: skip
    done = pd.DataFrame({**keys, "behaviour_kind_code": kind, "event_count": walks.ravel()})
    return readings, done.dropna()


def at(found, lag):
    (row,) = found[found["lag_months"] == lag].to_dict("records")
    return row


def test_coefficients_are_those_of_least_squares_on_dummies():
    outcome, walks = company(later=0.05, noise=1.0)

    found = lagged_effects(outcome, walks, LEADER, SITE)

    # By hand: months 3 to 20 have three on either side; levels as columns of noughts and ones.
    tenure, month = (one.ravel() for one in np.indices((TENURES, MONTHS))[:, :, 3:-3])
    own = np.eye(TENURES)[tenure]
    course = np.eye(SITES * MONTHS)[SITE[tenure] * MONTHS + month]
    lags = np.column_stack([walks[tenure, month - lag] for lag in range(-3, 4)])
    solved, *_ = np.linalg.lstsq(
        np.column_stack([lags, own, course]), outcome[tenure, month], rcond=None
    )
    assert found.lag.tolist() == list(range(-3, 4))
    assert found.estimate == pytest.approx(solved[:7], abs=1e-9)
    assert (found.n, found.n_leaders, found.n_months) == (TENURES * 18, TENURES, 18)


def test_one_walk_more_is_worth_what_was_planted_two_months_later_and_nothing_else():
    found = link_behaviours(*rows(*company(later=0.5)))

    assert found["lag_months"].tolist() == [1, 2, 3]
    assert list(found.columns) == list(COLUMNS)
    row = at(found, 2)
    assert row["estimate"] == pytest.approx(0.5, abs=0.02)
    # What is left is noise of 0.1 beside 0.5 times the walks: nearly all is the walks'.
    assert row["effect"] == pytest.approx(1, abs=0.05)
    assert row["low_value"] < row["effect"] < row["high_value"]
    assert row["verdict"] == "supported"
    assert row["finding"] == (
        "2 months after more gemba walks than is usual for the same leader and month of the site, "
        "KPI1 was better. An association and no proof."
    )
    assert {at(found, 1)["verdict"], at(found, 3)["verdict"]} == {"no_effect_shown"}


def test_what_is_more_is_worse_where_less_is_better():
    higher, lower = (
        at(link_behaviours(*rows(*company(later=0.5), direction=side)), 2)
        for side in ("higher", "lower")
    )

    assert (higher["verdict"], lower["verdict"]) == ("supported", "speaks_against")
    assert lower["estimate"] == higher["estimate"]
    assert (lower["effect"], lower["low_value"]) == (-higher["effect"], -higher["high_value"])


def test_walks_that_answer_the_figure_are_not_taken_for_its_cause():
    found = link_behaviours(*rows(*company(later=0.5, earlier=0.5)))

    row = at(found, 2)
    assert row["placebo"] == pytest.approx(row["effect"], abs=0.05)
    assert row["placebo_p_value"] < 1e-6
    assert row["verdict"] == "not_distinguishable_from_reverse"
    assert row["finding"].endswith("An association and no proof.")


def test_walks_that_only_answer_the_figure_help_at_no_lag():
    found = link_behaviours(*rows(*company(earlier=0.5)))

    assert set(found["verdict"]) == {"no_effect_shown"}
    assert at(found, 2)["placebo"] == pytest.approx(1, abs=0.05)


def test_walks_of_leaders_of_another_site_do_not_help():
    """The same walks and outcomes, dealt out anew."""
    outcome, walks = company(later=0.5)
    dealt = np.roll(walks, TENURES // SITES, axis=0)

    assert set(link_behaviours(*rows(outcome, dealt))["verdict"]) == {"no_effect_shown"}


def test_levels_of_leaders_and_courses_of_sites_change_nothing():
    outcome, walks = company(later=0.02, noise=1.0)
    moved = outcome + 7.0 * LEADER[:, None] ** 2 + 30 * np.sin(np.arange(MONTHS)) * SITE[:, None]

    one, other = (lagged_effects(y, walks, LEADER, SITE) for y in (outcome, moved))
    assert other.estimate == pytest.approx(one.estimate, abs=1e-9)
    assert other.low == pytest.approx(one.low, abs=1e-9)


def test_the_effect_is_in_deviations_whatever_the_unit():
    outcome, walks = company(later=0.02, noise=1.0)
    one = at(link_behaviours(*rows(outcome, walks)), 2)
    other = at(link_behaviours(*rows(1000 * outcome, walks)), 2)

    assert other["estimate"] == pytest.approx(1000 * one["estimate"], abs=1e-6)
    assert other["effect"] == pytest.approx(one["effect"], abs=1e-9)
    assert other["p_value"] == pytest.approx(one["p_value"], abs=1e-9)


def test_the_false_discovery_rate_is_over_all_behaviours_kpis_and_lags():
    outcome, walks = company(later=0.5)
    by_chance = np.random.default_rng(2).normal(size=outcome.shape)
    first, second = rows(outcome, walks), rows(by_chance, walks, kpi="KPI2")
    other = rows(outcome, company(seed=5)[1], kind="coaching_session")[1]

    found = link_behaviours(pd.concat([first[0], second[0]]), pd.concat([first[1], other]))
    assert len(found) == 2 * 2 * LAGS
    least = found["p_value"].min()
    assert found["adjusted_p_value"].min() == pytest.approx(12 * least, abs=1e-9)
    assert found["verdict"].value_counts().to_dict() == {"no_effect_shown": 11, "supported": 1}


def test_no_row_is_about_less_than_ten_leaders():
    outcome, walks = company(later=0.5)
    # Nine with others beside them, without and with one who is alone at a third site.
    place = np.repeat([0, 1, 2], [5, 4, 1])
    few, alone = (
        lagged_effects(outcome[:size], walks[:size], LEADER[:size], place[:size])
        for size in (9, 10)
    )

    for refused in (few, alone):
        assert isinstance(refused, Refusal)
        assert refused.reason == "too_few_readings"
        assert refused.detail.startswith("9 leaders over ")
    found = link_behaviours(*rows(outcome[:8], walks[:8]))
    assert found["refusal"].str.startswith("too_few_readings: 8 leaders").tolist() == [True] * 3
    assert found[["estimate", "verdict", "finding"]].isna().all(axis=None)
    assert "leader_id" not in found.columns


def test_eleven_months_with_three_on_either_side_are_too_few():
    outcome, walks = company(later=0.5)

    assert lagged_effects(outcome[:, :18], walks[:, :18], LEADER, SITE).n_months == 12
    refused = lagged_effects(outcome[:, :17], walks[:, :17], LEADER, SITE)
    assert isinstance(refused, Refusal)
    assert refused.detail.startswith("12 leaders over 11 months")


def test_a_behaviour_that_follows_from_leader_and_month_is_refused():
    outcome, _ = company()
    same = np.broadcast_to(SITE[:, None] + np.arange(MONTHS) % 3 + LEADER[:, None], outcome.shape)
    refused = lagged_effects(outcome, same, LEADER, SITE)

    assert isinstance(refused, Refusal)
    assert refused.reason == "no_variation"


def test_an_outcome_that_never_varies_is_refused():
    _, walks = company()
    refused = lagged_effects(np.full(walks.shape, 0.3), walks, LEADER, SITE)

    assert isinstance(refused, Refusal)
    assert refused.reason == "no_variation"


def test_a_month_in_which_nothing_is_known_costs_the_months_around_it_and_is_not_nil():
    outcome, walks = company(later=0.5)
    walks[0, 10] = np.nan

    found = lagged_effects(outcome, walks, LEADER, SITE)
    assert found.n == TENURES * 18 - 7
    assert found.estimate[LAGS + 2] == pytest.approx(0.5, abs=0.02)


def test_a_new_leader_begins_anew():
    """No month is explained by what a predecessor did: twelve months leave six each."""
    outcome, walks = company(later=0.5)
    readings, done = rows(outcome, walks)
    later = readings["period_start_date"] >= pd.Timestamp("2025-01-01")
    readings.loc[later, "leader_id"] += "b"
    done.loc[later, "leader_id"] += "b"

    found = at(link_behaviours(readings, done), 2)
    assert (found["n_readings"], found["n_months"]) == (TENURES * 12, 12)
    assert found["n_leaders"] == 2 * TENURES
    assert found["estimate"] == pytest.approx(0.5, abs=0.02)


def test_rows_in_another_order_say_the_same():
    readings, done = rows(*company(later=0.02, noise=1.0))
    shuffled = link_behaviours(
        readings.sample(frac=1, random_state=1), done.sample(frac=1, random_state=2)
    )

    pd.testing.assert_frame_equal(shuffled, link_behaviours(readings, done))


@pytest.mark.parametrize("which", [0, 1])
def test_no_readings_or_no_behaviours_give_no_row(which):
    frames = list(rows(*company()))
    frames[which] = frames[which].iloc[:0]

    assert link_behaviours(*frames).empty
