"""360 feedback: severity off, few raters hidden, weights of what is shown."""

import numpy as np
import pandas as pd
import pytest

from orchestration.governance.feedback import ALL, COLUMNS, sum_up_feedback
from orchestration.statistics.calibration.agreement import within_group_agreement

LEAST = {"peer": 3, "direct_report": 3, "manager": 1}
WEIGHTS = {"peer": 0.3, "direct_report": 0.5, "manager": 0.2}


def with_policy(rows):
    columns = ["cycle_id", "subject_id", "rater_id", "relationship_code", "item_id", "score"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(
        scale_min=1,
        scale_max=5,
        weight=frame["relationship_code"].map(WEIGHTS),
        least_raters=frame["relationship_code"].map(LEAST),
        least_ratees=3,
        least_weight=0.5,
    )


@pytest.fixture(scope="module")
def company():
    """Sixty leaders: six peers from all over, and five reports who rate nobody else."""
    rng = np.random.default_rng(20)
    skill, severity = rng.normal(0, 0.45, 60), rng.normal(0, 0.5, 60)
    rows = []
    for leader in range(60):
        others = [(leader + step) % 60 for step in (1, 7, 11, 23, 34, 48)]
        raters = [(f"P{other:02d}", "peer", severity[other]) for other in others]
        raters += [(f"D{leader:02d}{n}", "direct_report", rng.normal(0, 0.5)) for n in range(5)]
        rows += [
            ("F-1", f"L{leader:02d}", rater, relationship, f"B{item}",
             np.clip(np.rint(3.2 + skill[leader] - hard + rng.normal(0, 0.6)), 1, 5))
            for rater, relationship, hard in raters for item in range(6)
        ]  # fmt: skip
    return pd.Series(skill, index=[f"L{n:02d}" for n in range(60)]), with_policy(rows)


def test_scores_freed_of_severity_are_nearer_to_what_leaders_are(company):
    skill, scores = company
    found = sum_up_feedback(scores)
    of_peers = found[found["relationship_code"] == "peer"].set_index("subject_id")
    of_reports = found[found["relationship_code"] == "direct_report"].set_index("subject_id")

    assert of_peers["fair_score"].corr(skill) > of_peers["raw_score"].corr(skill) + 0.03
    assert (of_peers["raters_corrected"] == 6).all()
    # Who rates one leader only cannot be told from that leader.
    assert (of_reports["raters_corrected"] == 0).all()
    assert of_reports["fair_score"].sub(of_reports["raw_score"]).abs().max() < 0.03
    held = (of_peers["low_score"] < of_peers["fair_score"]) & (
        of_peers["fair_score"] < of_peers["high_score"]
    )
    assert held.all()


def test_the_result_over_all_weighs_what_is_shown_and_nothing_else(company):
    _, scores = company
    few = scores[~((scores["subject_id"] == "L00") & (scores["rater_id"] >= "P03")
                   & (scores["relationship_code"] == "peer"))]  # fmt: skip
    found = sum_up_feedback(few).set_index(["subject_id", "relationship_code"])
    hidden, shown = found.loc["L00", "peer"], found.loc["L00", "direct_report"]
    whole = found.loc["L01", ALL]

    assert hidden["refusal"].startswith("too_few_raters: fewer than 3")
    assert hidden["raters"] == 0
    assert np.isnan(hidden["raw_score"])
    # Half of the weight is shown: nothing of the hidden group is in the result.
    assert found.loc[("L00", ALL), "raw_score"] == shown["raw_score"]
    assert found.loc[("L00", ALL), "weight"] == 0.5
    parts = found.loc["L01"].drop(ALL)
    assert whole["raw_score"] == pytest.approx(
        (parts["raw_score"] * parts["weight"]).sum() / parts["weight"].sum()
    )


def test_too_little_shown_weight_gives_no_result_over_all():
    rows = [("F-1", "L1", "M", "manager", f"B{item}", 3 + item % 2) for item in range(6)]
    found = sum_up_feedback(with_policy(rows)).set_index("relationship_code")

    assert found.loc["manager", "raw_score"] == 3.5
    assert found.loc[ALL, "refusal"].startswith("too_few_readings")


def test_feedback_that_nobody_can_measure_stands_raw_with_the_reason():
    rows = [
        ("F-1", "L1", f"D{rater}", "direct_report", f"B{item}", 4)
        for rater in range(3)
        for item in range(6)
    ]
    found = sum_up_feedback(with_policy(rows)).set_index("relationship_code")

    assert found.loc["direct_report", "raw_score"] == 4
    assert found.loc["direct_report", "correction"].startswith("no_variation")
    assert np.isnan(found.loc["direct_report", "fair_score"])
    assert found.loc["direct_report", "agreement"] == 1


def test_the_order_of_rows_changes_nothing_and_no_rows_give_none(company):
    _, scores = company
    some = scores[scores["subject_id"] < "L20"]
    shuffled = some.sample(frac=1, random_state=3)

    pd.testing.assert_frame_equal(sum_up_feedback(some), sum_up_feedback(shuffled))
    assert list(sum_up_feedback(some.iloc[:0]).columns) == list(COLUMNS)


def test_agreement_is_that_of_the_formula_by_hand():
    # Two items with variances 1 and 0 over three raters, on a scale of 5: chance has (25 - 1) / 12.
    table = [[3, 4], [4, 4], [5, 4]]

    assert within_group_agreement(table, 1, 5) == pytest.approx(
        2 * (1 - 0.5 / 2) / (2 * (1 - 0.5 / 2) + 0.5 / 2)
    )
    assert within_group_agreement([[1], [5]], 1, 5) == 0
    assert within_group_agreement([[1.0, np.nan], [np.nan, 2.0]], 1, 5).reason == "too_few_readings"
