"""Relations between KPIs: what the demo company plants is named, and refusals have rows."""

import numpy as np
import pandas as pd
import pytest

from orchestration.demo.readings import LEAD_WEEKS, PLANTED, Weekly, weekly
from orchestration.governance.relations import relate_kpis
from tests.statistics.recovery import NOTHING

TIMING = {"training": "leading", "weather": "leading"}
DOMAIN = {"speed": "production", "rework": "production"}


def weeks_of(drawn: Weekly) -> pd.DataFrame:
    """One row per KPI and week; all but production are of one domain."""
    mondays = pd.date_range("2023-01-02", periods=len(drawn.values), freq="7D")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "kpi_id": name,
                    "week_start_date": mondays,
                    "week_value": values,
                    "domain": DOMAIN.get(name, "quality"),
                    "timing": TIMING.get(name, "lagging"),
                    "direction": "higher" if direction > 0 else "lower",
                }
            )
            for name, direction, values in zip(
                drawn.names, drawn.directions, drawn.of(*drawn.names).T, strict=True
            )
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    return relate_kpis(weeks_of(weekly(1, PLANTED)))


def rows(table: pd.DataFrame, *verdicts: str) -> list[tuple]:
    there = table[table["verdict"].isin(verdicts)]
    return list(there[["first_kpi_id", "second_kpi_id"]].itertuples(index=False, name=None))


def test_the_planted_conflict_lead_and_repetition_are_named(planted):
    lead = planted[planted["verdict"] == "leads"].iloc[0]

    assert rows(planted, "conflict") in ([("speed", "rework")], [("rework", "speed")])
    assert rows(planted, "leads") == [("training", "yield")]
    assert (lead["lag_weeks"], lead["is_leading"]) == (LEAD_WEEKS, True)
    assert lead["low_value"] < lead["correlation_coefficient"] < lead["high_value"]
    assert lead["lift"] > 0
    assert rows(planted, "redundant") == [("fault_rate", "faults")]
    # Of a pair alone, one over one less the squared correlation; what the others add is chance.
    repeated = planted[planted["verdict"] == "redundant"].iloc[0]
    alone = 1 / (1 - repeated["correlation_coefficient"] ** 2)
    for side in ("first", "second"):
        assert alone <= repeated[f"{side}_variance_inflation"] < 1.3 * alone


def test_a_kpi_that_three_others_add_up_to_is_told_by_its_inflation_and_by_no_pair():
    rng = np.random.default_rng(12)
    parts = rng.normal(size=(120, 3)).cumsum(axis=0)
    whole = parts.sum(axis=1) + rng.normal(0, 0.1, 120).cumsum()
    table = relate_kpis(
        pd.concat(
            pd.DataFrame(
                {
                    "kpi_id": name,
                    "week_start_date": pd.date_range("2023-01-02", periods=120, freq="7D"),
                    "week_value": values,
                    "domain": "quality",
                    "timing": "lagging",
                    "direction": "higher",
                }
            )
            for name, values in zip("abcw", [*parts.T, whole], strict=True)
        )
    )

    assert rows(table, "redundant") == []
    said = table[(table["second_kpi_id"] == "w") & (table["question"] == "same_thing")]
    # Changes of variance 3 and .01 that the parts do not tell: 3.01 / .01, by 116 degrees of
    # freedom within a third.
    assert said["second_variance_inflation"].to_numpy() == pytest.approx([301] * 3, rel=0.33)


def unrelated(count: int, weeks: int) -> pd.DataFrame:
    """KPIs of one domain that have nothing to do with each other."""
    mondays = pd.date_range("2023-01-02", periods=weeks, freq="7D")
    walks = np.random.default_rng(5).normal(size=(count, weeks)).cumsum(axis=1)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "kpi_id": f"k{number:02d}",
                    "week_start_date": mondays,
                    "week_value": walk,
                    "domain": "quality",
                    "timing": "lagging",
                    "direction": "higher",
                }
            )
            for number, walk in enumerate(walks)
        ],
        ignore_index=True,
    )


def inflations(table: pd.DataFrame) -> pd.DataFrame:
    there = table[table["question"] == "same_thing"]
    return there[["first_variance_inflation", "second_variance_inflation"]]


def test_chance_alone_inflates_nothing_where_kpis_are_as_many_as_weeks():
    few = inflations(relate_kpis(unrelated(12, 50)))
    enough = inflations(relate_kpis(unrelated(12, 120)))

    assert few.isna().all(axis=None)
    # One over a beta of 107 and 11 halves: 116 / 105 on average.
    assert enough.to_numpy().mean() == pytest.approx(116 / 105, abs=0.05)


def test_a_kpi_that_stands_still_in_common_weeks_takes_no_other_its_figure():
    weeks = unrelated(6, 150)
    week = weeks.groupby("kpi_id").cumcount()
    begins_late = (weeks["kpi_id"] == "k00") & (week < 60)
    stands_still = (weeks["kpi_id"] == "k01") & (week >= 60)
    weeks["week_value"] = weeks["week_value"].mask(stands_still, 7.0)
    found = relate_kpis(weeks[~begins_late])
    said = found[found["question"] == "same_thing"].set_index(["first_kpi_id", "second_kpi_id"])

    assert np.isnan(said.loc[("k00", "k01"), "second_variance_inflation"])
    others = said.drop(index="k01", level="second_kpi_id").drop(index="k01", level="first_kpi_id")
    assert inflations(others.reset_index()).notna().all(axis=None)


def test_only_pairs_that_somebody_has_a_reason_to_ask_about_are_tested(planted):
    pairs = {frozenset(pair) for pair in rows(planted, "distinct", "redundant")}

    # Ten pairs of the five KPIs of quality, one of production, and two leading ones of quality
    # with the two lagging ones of production.
    assert len(pairs) == 10 + 1 + 4
    assert frozenset({"faults", "speed"}) not in pairs
    assert len(planted) == 2 * len(pairs)


def test_hardly_anything_is_said_of_kpis_that_have_nothing_to_do_with_each_other():
    said = [
        rows(relate_kpis(weeks_of(weekly(seed, NOTHING))), "conflict", "leads", "redundant")
        for seed in range(12)
    ]

    # A false discovery rate of 5 % allows one company in twenty a finding; four of twelve are had
    # with chance 0.2 %.
    assert sum(bool(one) for one in said) < 4


def test_a_kpi_with_too_few_weeks_or_a_gap_is_refused_by_name_and_stops_no_other():
    weeks = weeks_of(weekly(1, PLANTED))
    later = (weeks["kpi_id"] != "rework") | (weeks["week_start_date"] >= "2025-06-01")
    gap = (weeks["kpi_id"] != "weather") | (weeks["week_start_date"] != "2024-01-01")
    table = relate_kpis(weeks[later & gap])
    refused = table[table["refusal"].notna() & (table["question"] == "movement")]

    assert ("speed", "rework") not in rows(table, "conflict")
    reasons = {
        frozenset(pair): reason
        for *pair, reason in refused[["first_kpi_id", "second_kpi_id", "refusal"]].to_numpy()
    }
    assert reasons[frozenset({"speed", "rework"})].startswith("too_few_readings: 30 readings")
    assert reasons[frozenset({"weather", "yield"})].startswith("gap_in_series")
    assert rows(table, "leads") == [("training", "yield")]


def test_a_kpi_with_two_values_of_a_week_is_refused_by_name_and_stops_no_other():
    weeks = weeks_of(weekly(1, PLANTED))
    again = weeks[weeks["kpi_id"] == "speed"].iloc[[3]].assign(week_value=0.0)
    others = relate_kpis(weeks[weeks["kpi_id"] != "speed"])
    found = relate_kpis(pd.concat([weeks, again], ignore_index=True))
    of_speed = (found[["first_kpi_id", "second_kpi_id"]] == "speed").any(axis=1)

    assert of_speed.any()
    assert set(found[of_speed]["refusal"]) == {
        "duplicate_period: speed has two values of 2023-01-23"
    }
    pd.testing.assert_frame_equal(
        found[~of_speed].reset_index(drop=True).drop(columns="refusal"),
        others.drop(columns="refusal"),
    )
    assert found[~of_speed]["refusal"].isna().all()


def test_a_kpi_with_an_infinite_week_is_refused_by_name():
    weeks = weeks_of(weekly(1, PLANTED))
    weeks.loc[weeks.index[weeks["kpi_id"] == "speed"][3], "week_value"] = np.inf
    found = relate_kpis(weeks)
    of_speed = (found[["first_kpi_id", "second_kpi_id"]] == "speed").any(axis=1)

    assert found[of_speed]["refusal"].str.startswith("infinite_value: ").all()
    assert found[~of_speed]["refusal"].isna().all()


def test_no_weeks_and_kpis_without_a_better_side_give_no_row():
    weeks = weeks_of(weekly(1))

    assert relate_kpis(weeks.iloc[:0]).empty
    assert relate_kpis(weeks.assign(direction="neutral")).empty
