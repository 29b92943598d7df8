"""What teams exported holds the truth that is planted, and nothing of it with the switch off."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from orchestration.demo import DEFAULT
from orchestration.demo.company import TeamPlants, found
from orchestration.demo.generate import DEFAULT_SEED
from orchestration.demo.teamwork_exports import teamwork_book

NOTHING = TeamPlants(blocked_days=0, free_riding=0)
KEYS = {
    "work_handoffs": ["item_id", "task_no"],
    "work_outcomes": ["item_id"],
    "peer_assessments": ["cycle_id", "team_id", "rater_token", "subject_token"],
}


def exported(plants):
    """The newest row of each key over all files of the default company, and the truth."""
    book = teamwork_book(found(DEFAULT_SEED, DEFAULT, team_plants=plants))
    files = list(book.history([]))
    for day in range(DEFAULT.cut + 1, DEFAULT.last_day + 1):
        files += book.daily(day)
    rows = {
        feed: pd.concat(
            pd.read_csv(io.BytesIO(file.content), dtype={"cycle_id": str})
            for file in files
            if file.feed == feed
        )
        .drop_duplicates(key, keep="last")
        .set_index(key)
        .sort_index()
        for feed, key in KEYS.items()
    }
    tasks = rows["work_handoffs"]
    for name in ("started_date", "handed_on_date"):
        tasks[name] = pd.to_datetime(tasks[name])
    tasks["days"] = (tasks["handed_on_date"] - tasks["started_date"]).dt.days
    return rows, book.truth()["teamwork"]


@pytest.fixture(scope="module")
def planted():
    return exported(TeamPlants())


@pytest.fixture(scope="module")
def nothing():
    return exported(NOTHING)


def test_no_task_begins_before_all_that_it_waits_for_was_handed_on(planted):
    tasks = planted[0]["work_handoffs"].reset_index()
    handed_on = tasks.set_index(["item_id", "task_no"])["handed_on_date"]
    waits = pd.concat(
        [
            tasks[["item_id", "started_date", name]].rename(columns={name: "task_no"})
            for name in ("waits_for_task_no", "also_waits_for_task_no")
        ]
    ).dropna(subset=["task_no"])
    before = handed_on.reindex(pd.MultiIndex.from_frame(waits[["item_id", "task_no"]].astype(
        {"task_no": int}
    ))).to_numpy()  # fmt: skip

    assert len(waits) > 800
    assert (waits["started_date"].to_numpy() >= before).all()


def test_tasks_of_the_blocking_team_alone_last_longer_and_by_what_is_planted(planted, nothing):
    team = planted[1]["blocking_team"]
    # Of a piece of work that the history ends in, one company may hold a task the other does not.
    both = planted[0]["work_handoffs"].join(
        nothing[0]["work_handoffs"], suffixes=("", "_unblocked"), how="inner"
    )
    both = both.dropna(subset=["days", "days_unblocked"])
    longer = both["days"] - both["days_unblocked"]

    assert team == "US01-PUR"
    assert nothing[1]["blocking_team"] is None
    assert (both["planned_days"] == both["planned_days_unblocked"]).all()
    assert (longer[both["team_id"] != team] == 0).all()
    theirs = longer[both["team_id"] == team]
    # Poisson with a mean of 4, in the few tasks that would end at once cut off at a day.
    assert theirs.mean() == pytest.approx(4.0, abs=4 * np.sqrt(4 / len(theirs)))


def test_hours_saved_are_those_of_the_functions_that_worked(planted):
    tasks = planted[0]["work_handoffs"].reset_index()
    saved = planted[0]["work_outcomes"]["saved_hours"]
    worked = pd.crosstab(tasks["item_id"], tasks["function"]).gt(0).loc[saved.index]
    names = ["engineering", "quality", "maintenance", "purchasing"]
    design = np.column_stack([np.ones(len(saved)), worked[names]])
    hours, rest, *_ = np.linalg.lstsq(design, saved.to_numpy())
    sd = np.sqrt(rest[0] / (len(saved) - 5))
    se = sd * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))

    assert len(saved) > 300
    assert sd == pytest.approx(2.0, rel=0.15)
    assert np.all(np.abs(hours - [4.0, 10.0, 4.0, 8.0, 2.0]) < 4 * se)


def test_one_member_of_each_crew_in_the_truth_is_scored_lower_and_nobody_else(planted, nothing):
    both = planted[0]["peer_assessments"].join(
        nothing[0]["peer_assessments"], suffixes=("", "_alike")
    )
    lower = (both["score"] - both["score_alike"]).groupby(
        ["cycle_id", "team_id", "subject_token"]
    ).mean()  # fmt: skip
    riders = lower[lower != 0].reset_index()

    assert [f"{one.cycle_id} {one.team_id}" for one in riders.itertuples()] == planted[1][
        "free_riders"
    ]
    # An eighth of 120 crews.
    assert 5 <= len(riders) <= 25
    # 1.6 less what is lost where a score of 1 is the least there is.
    assert riders[0].mean() == pytest.approx(-1.6, abs=0.15)
    assert nothing[1]["free_riders"] == []
