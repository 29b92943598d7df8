"""Rater and group: the analysis of variance, what cancels and what does not, refusals."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.anova import anova_lm

from orchestration.statistics.fairness.raters import rater_group_interaction
from orchestration.statistics.refusal import NO_VARIATION, TOO_FEW_READINGS


def _ratings(seed: int, *, bias: float = 0.0, raters: int = 8) -> pd.DataFrame:
    """Unequal numbers; rater r3 rates group b lower by `bias`."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"r{rater}", group, score)
        for rater in range(raters)
        for group in ("a", "b")
        for score in rng.normal(
            rater * 0.3 - bias * (rater == 3 and group == "b"), 1, rng.integers(6, 20)
        )
    ]
    return pd.DataFrame(rows, columns=["rater", "group", "score"])


def _found(rows: pd.DataFrame):
    return rater_group_interaction(rows.score, rows.rater, rows.group, reference="a")


def test_the_interaction_is_that_of_the_analysis_of_variance():
    rows = _ratings(1, bias=1.0)
    table = anova_lm(smf.ols("score ~ rater * group", rows).fit())

    found = _found(rows)
    assert found.f == pytest.approx(table.loc["rater:group", "F"])
    assert found.interaction_p_value == pytest.approx(table.loc["rater:group", "PR(>F)"])


def test_a_departure_is_from_all_other_raters():
    rows = _ratings(2, bias=1.0)
    own = (rows.rater == "r3").astype(float) * (rows.group == "b")
    fit = smf.ols("score ~ C(rater) + group + own", rows.assign(own=own)).fit()
    found = _found(rows)

    # The others share one difference in that model too; its variance has more degrees of freedom.
    at = found.raters.tolist().index("r3")
    assert found.departure[at] == pytest.approx(fit.params["own"])
    assert found.low[at] < found.departure[at] < found.high[at]


def test_severity_and_a_difference_that_all_share_are_no_departure():
    rows = _ratings(3)
    there = _found(rows)
    severe = rows.assign(score=rows.score - 5 * (rows.rater == "r2") - 2 * (rows.group == "b"))
    moved = _found(severe)

    assert moved.departure == pytest.approx(there.departure)
    assert moved.common == pytest.approx(there.common - 2)


@given(st.floats(0.01, 100))
def test_the_unit_of_the_scores_does_not_matter(unit):
    rows = _ratings(4)

    assert _found(rows.assign(score=rows.score * unit)).p_value == pytest.approx(
        _found(rows).p_value
    )


def test_few_ratees_one_rater_or_scores_all_alike_are_refused_or_left_out():
    rows = _ratings(5)
    few = pd.concat([rows, pd.DataFrame({"rater": "new", "group": "a", "score": [1.0] * 9})])

    assert _found(few).left_out.tolist() == ["new"]
    assert _found(rows[rows.rater == "r1"]).reason == TOO_FEW_READINGS
    assert _found(rows.assign(group="a")).reason == TOO_FEW_READINGS
    assert _found(rows.assign(score=3.0)).reason == NO_VARIATION
    with pytest.raises(ValueError, match="does not occur"):
        _found(rows.assign(group="c"))
