"""A benchmark ranks a site only where enough of it is comparable; else it is context."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from orchestration.governance.benchmarks import PERCENTILES, judge_benchmarks

LEVELS = {f"p{one}_level": 0.60 + 0.08 * norm.ppf(one / 100) for one in PERCENTILES}


def months(values, **changes):
    return pd.DataFrame(
        {
            "benchmark_id": "peers",
            "kpi_id": "KPI006",
            "entity_id": "DE01",
            "period_start_date": pd.period_range("2025-10", periods=len(values), freq="M")
            .to_timestamp()
            .to_numpy(),
            "computed_value": values,
            "direction": "higher",
            **LEVELS,
            "unit_count": 80,
            "comparability_score": 0.8,
            "size_shift": 0.0,
            "is_stale": False,
            "least_score": 0.6,
            "least_units": 10,
        }
        | changes
    )


def only(found):
    [row] = found.to_dict("records")
    return row


AROUND = np.tile([-0.01, 0.01], 6)


def test_a_site_at_a_quantile_of_the_others_is_better_than_that_share():
    row = only(judge_benchmarks(months(LEVELS["p75_level"] + AROUND)))
    assert row["better_than_share"] == pytest.approx(0.75, abs=1e-5)
    assert row["low_share"] < 0.75 < row["high_share"]
    assert row["verdict"] == "better_than_most"
    assert row["upper_quarter_level"] == pytest.approx(LEVELS["p75_level"])
    assert row["upper_tenth_level"] == pytest.approx(LEVELS["p90_level"])


def test_where_lower_is_better_the_ranks_and_the_levels_turn():
    row = only(judge_benchmarks(months(LEVELS["p25_level"] + AROUND, direction="lower")))
    assert row["better_than_share"] == pytest.approx(0.75, abs=1e-5)
    assert row["low_share"] < 0.75 < row["high_share"]
    assert row["upper_quarter_level"] == pytest.approx(LEVELS["p25_level"])
    assert row["verdict"] == "better_than_most"


def test_the_size_of_the_others_is_taken_into_account():
    # At the size of the others the site would have 0.02 more; its own levels lie 0.02 lower.
    row = only(judge_benchmarks(months(0.58 + AROUND, size_shift=0.02)))
    assert (row["own_value"], row["adjusted_value"]) == pytest.approx((0.58, 0.60))
    assert row["better_than_share"] == pytest.approx(0.5)
    assert row["even_level"] == pytest.approx(0.58)
    assert row["verdict"] == "like_others"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"comparability_score": 0.59}, "a comparability of 0.59, at least 0.60 is needed"),
        ({"is_stale": True}, "its period ended too long ago"),
        ({"unit_count": 9}, "9 units, at least 10 are needed"),
    ],
)
def test_what_cannot_be_compared_is_context_and_ranks_nobody(changes, said):
    row = only(judge_benchmarks(months(0.7 + AROUND, **changes)))
    assert (row["verdict"], row["refusal"]) == ("context_only", f"not_comparable: {said}")
    assert row["median_level"] == pytest.approx(0.60)
    assert np.isnan([row[n] for n in ("better_than_share", "adjusted_value", "even_level")]).all()


def test_a_site_without_months_is_refused_and_no_months_at_all_is_no_rows():
    bare = months([np.nan], period_start_date=pd.NaT)
    assert only(judge_benchmarks(bare))["refusal"].startswith("too_few_readings: 0 readings")
    assert judge_benchmarks(bare.iloc[:0]).empty
