"""Traces of steered figures: what is planted is found at its site, and nobody else is accused."""

import numpy as np
import pandas as pd
import pytest

from orchestration.demo.readings import DUE_HOURS, PLANTED, answer_hours
from orchestration.governance.gaming import find_gaming
from tests.statistics.recovery import NOTHING

COLUMNS = [
    "check_id", "check_kind", "subject_id", "plan_id", "level_name", "site_id", "group_no",
    "event_value", "event_count", "late_count", "day_count", "step", "round_every", "late_days",
]  # fmt: skip


def events(kind, site, *, value=np.nan, count=1, late=None, days=None, group=None, subject="K"):
    """Rows of one check."""
    columns = {
        "check_id": f"any_{kind}", "check_kind": kind, "subject_id": subject, "plan_id": "bonus",
        "level_name": "target", "site_id": site, "step": 1.0, "round_every": 5, "late_days": 3,
        "group_no": group, "event_value": value, "event_count": count, "late_count": late,
        "day_count": days,
    }  # fmt: skip
    length = max(np.size(one) for one in columns.values())
    return pd.DataFrame({name: np.resize(np.array(one), length) for name, one in columns.items()})


def test_a_pile_just_in_time_is_found_at_its_site_alone():
    # Hours left until due: answers in time lie above 0.
    left = {site: DUE_HOURS - answer_hours(seed, plants) for site, seed, plants in (
        ("A", 1, PLANTED), ("B", 2, NOTHING), ("C", 3, NOTHING),
    )}  # fmt: skip
    table = find_gaming(
        pd.concat([events("bunching", site, value=value) for site, value in left.items()])
    ).set_index("site_id")

    assert table["verdict"].to_dict() == {
        "A": "evidence",
        "B": "no_evidence",
        "C": "no_evidence",
    }
    assert table.loc["A", "estimate"] > 1.5
    assert table.loc["A", "event_count"] >= 100


def test_a_pile_on_the_bad_side_is_not_called_steered():
    piled = answer_hours(1, PLANTED) - DUE_HOURS

    (row,) = find_gaming(events("bunching", "A", value=piled)).to_dict("records")
    assert row["p_value"] < 0.05
    assert row["verdict"] == "no_evidence"


def test_fewer_than_a_hundred_values_near_the_level_give_no_verdict():
    near = np.random.default_rng(0).normal(size=60)

    (row,) = find_gaming(events("bunching", "A", value=near)).to_dict("records")
    assert row["verdict"] is None
    assert row["refusal"].startswith("too_few_readings")


def test_minutes_written_to_the_next_five_are_found():
    rng = np.random.default_rng(1)
    honest = np.round(rng.gamma(3, 12, 600))
    rounded = np.where(rng.random(600) < 0.3, np.round(honest / 5) * 5, honest)
    table = find_gaming(
        pd.concat([events("heaping", "A", value=rounded), events("heaping", "B", value=honest)])
    )

    assert table["verdict"].tolist() == ["evidence", "no_evidence"]
    assert table["estimate"].iloc[0] > 1.3


def test_counts_of_a_value_weigh_as_so_many_values():
    rng = np.random.default_rng(1)
    minutes = np.round(rng.gamma(3, 12, 600))
    value, count = np.unique(minutes, return_counts=True)

    assert find_gaming(events("heaping", "A", value=value, count=count)).equals(
        find_gaming(events("heaping", "A", value=minutes))
    )


def test_work_that_ends_in_the_last_days_of_months_is_found():
    rng = np.random.default_rng(2)
    count = rng.poisson(300, 12)
    crowded, even = rng.binomial(count, 0.2), rng.binomial(count, 0.1)
    table = find_gaming(
        pd.concat(
            [
                events("period_end", "A", count=count, late=crowded, days=np.full(12, 30)),
                events("period_end", "B", count=count, late=even, days=np.full(12, 30)),
            ]
        )
    )

    assert table["verdict"].tolist() == ["evidence", "no_evidence"]
    assert table["estimate"].iloc[0] == pytest.approx(2, abs=0.2)


def test_tickets_of_one_closer_that_come_back_are_found_and_nobody_is_named():
    uneven = events("reopened", "*", group=[1, 2, 3, 4], count=[80, 90, 70, 88], late=[40, 4, 3, 5])
    even = events("reopened", "*", group=[1, 2, 3, 4], count=[80, 90, 70, 88], late=[4, 4, 3, 5])
    (found,), (none,) = (find_gaming(one).to_dict("records") for one in (uneven, even))

    assert found["verdict"] == "evidence"
    assert found["low_value"] > 5
    assert none["verdict"] == "no_evidence"
    assert "group_no" not in found


def test_amounts_within_two_orders_of_magnitude_have_no_digit_test():
    amounts = np.random.default_rng(3).uniform(20, 90, 300)

    (row,) = find_gaming(events("first_digits", "A", value=amounts)).to_dict("records")
    assert row["refusal"].startswith("too_narrow")


def test_no_events_give_no_row():
    assert find_gaming(pd.DataFrame(columns=COLUMNS)).empty


def test_whole_percentages_moved_by_one_level_or_by_ten_are_found_and_honest_ones_are_not():
    rng = np.random.default_rng(4)
    honest = np.round(rng.normal(94, 8, 1000))
    short = (honest < 95) & (honest >= 85) & (rng.random(1000) < 0.7)
    found = {
        name: find_gaming(events("bunching", "A", value=value - 95)).iloc[0]
        for name, value in {
            "one": np.where((honest == 94) & (rng.random(1000) < 0.5), 95, honest),
            "ten": np.where(short, honest + 10, honest),
            "none": honest,
        }.items()
    }

    assert {name: row["verdict"] for name, row in found.items()} == {
        "one": "evidence",
        "ten": "evidence",
        "none": "no_evidence",
    }
    assert {row["test_method"] for row in found.values()} == {"break_of_counts"}


def test_a_finding_names_the_plan():
    piled = -(answer_hours(1, PLANTED) - DUE_HOURS)

    (row,) = find_gaming(events("bunching", "A", value=piled)).to_dict("records")
    assert (row["plan_id"], row["level_name"], row["check_id"]) == (
        "bonus",
        "target",
        "any_bunching",
    )


def test_last_digits_that_somebody_prefers_are_found():
    rng = np.random.default_rng(5)
    honest = rng.poisson(400, 800) + rng.integers(0, 100, 800)
    liked = np.where(rng.random(800) < 0.3, honest // 10 * 10 + rng.choice([3, 7], 800), honest)
    table = find_gaming(
        pd.concat(
            [events("last_digits", "A", value=liked), events("last_digits", "B", value=honest)]
        )
    )

    assert table["verdict"].tolist() == ["evidence", "no_evidence"]
