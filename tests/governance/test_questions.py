"""What is said of an answer as a whole."""

import importlib

import pandas as pd
import pytest

from orchestration.governance.questions import LONGEST_BAR, QUESTIONS, bars, methods, tally


def test_a_row_that_refuses_is_counted_by_its_reason_and_not_by_its_verdict():
    found = pd.DataFrame(
        {
            "verdict": ["better", "better", "refused", None, None],
            "refusal": [None, None, "too_few_readings: 3 of 24", "too_few_readings: 5", None],
        }
    )

    assert list(tally(found).items()) == [("too_few_readings", 2), ("better", 2)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pd.DataFrame({"verdict": ["a"]}), {"a": 1}),
        (pd.DataFrame({"refusal": ["gap: 2026-03"]}), {"gap": 1}),
        (pd.DataFrame({"value": [1.0]}), {}),
        (pd.DataFrame(columns=["verdict", "refusal"], dtype="object"), {}),
    ],
)
def test_an_answer_may_lack_verdicts_refusals_or_rows(found, expected):
    assert tally(found) == expected


def test_an_answer_without_verdicts_is_counted_by_what_its_question_says():
    found = pd.DataFrame({"part": ["mix", "site", "mix"], "refusal": [None, None, "gap: 2026-03"]})

    assert tally(found, "part") == {"mix": 1, "site": 1, "gap": 1}


def test_bars_are_as_long_as_counts_and_the_smallest_is_seen():
    head, line, *rows = bars({"within_spread": 3000, "better": 1500, "worse": 1}).split("\n")

    assert (head, line) == ("| says, or refuses | rows | |", "|---|--:|---|")
    assert [row.count("█") for row in rows] == [LONGEST_BAR, LONGEST_BAR // 2, 1]
    assert rows[0].startswith("| within_spread | 3,000 | ")
    assert bars({}).split("\n") == [head, line]


def test_a_question_reads_only_earlier_answers():
    answered = set()
    for question in QUESTIONS:
        asked = {one for one in question.sources if one.startswith("statistics.")}
        assert asked <= answered, question.name
        assert question.by is None or len(question.sources) == 1, question.name
        answered.add(f"statistics.{question.name}")


def test_the_register_names_methods_by_which_they_are_found_and_what_they_decide():
    register = methods(QUESTIONS)

    assert register["question"].is_unique
    for row, question in zip(register.to_dict("records"), QUESTIONS, strict=True):
        module, _, name = row["method"].rpartition(".")
        assert getattr(importlib.import_module(module), name) is question.method
        assert row["convention"], question.name
        assert row["version"] >= 1, question.name


def test_a_part_that_is_named_when_it_fails_is_a_thing_and_never_a_person():
    things = {
        "kpi_id",
        "characteristic_id",
        "goal_id",
        "cycle_id",
        "trial_id",
        "site_id",
        "plan_id",
        "check_id",
    }
    for question in QUESTIONS:
        # What `by` treats apart is left out apart.
        assert question.by is None or question.apart is None, question.name
        part = question.by or question.apart
        assert part in things | {"audience", "source_code", None}, question.name
