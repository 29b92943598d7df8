"""What the demo company's model plants is found again, and nobody is accused without it."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.statistics.recovery import (
    NOTHING,
    PLANTED,
    gamed,
    leader_table,
    rates,
    recover_leaders,
    said_twice,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "methods.md"


def test_the_document_prints_every_row_of_the_recovery():
    text = DOCUMENT.read_text()
    leaders = text.split("| leaders of lines | |\n|---|---|\n")[1].split("\n\n")[0]
    planted = text.split("| planted in KPIs |")[1].split("\n\n")[0]

    assert re.findall(r"^\| (.+) \| [^|]+ \|$", leaders, re.MULTILINE) == [
        name for name, _ in leader_table(1)
    ]
    assert re.findall(r"^\| ([^|]+) \| [\d.]+% \| [\d.]+% \|$", planted, re.MULTILINE) == [
        rate.name for rate in rates(1)
    ]


def test_leaders_are_recovered_better_than_by_means():
    drawn = [recover_leaders(seed) for seed in range(20)]
    model, raw, centred = (
        np.mean([getattr(one, part) for one in drawn])
        for part in ("model", "raw_mean", "line_centred")
    )

    assert model >= 0.65
    assert model >= raw + 0.12
    # Over 200 seeds it is 0.068, over these 0.068.
    assert model >= centred + 0.05
    # 700 intervals, those of a draw not independent: the standard error of a share is 1.2 points.
    assert 0.90 <= np.mean(np.concatenate([one.covered for one in drawn])) <= 0.98


def test_a_leader_who_came_after_a_slump_is_not_credited_for_its_end():
    drawn = [recover_leaders(seed) for seed in range(10)]

    assert np.mean([one.raw_credit_for_slump for one in drawn]) > 2
    assert not any(one.credited_for_slump for one in drawn)


def test_nobody_is_called_apart_where_no_leader_has_an_effect():
    drawn = [recover_leaders(seed, NOTHING) for seed in range(10)]

    assert np.mean([one.called_apart for one in drawn]) < 0.02


@pytest.mark.parametrize("detector", [gamed, said_twice])
def test_a_plant_is_found_and_its_absence_is_not(detector):
    assert np.mean([detector(seed, PLANTED) for seed in range(10)]) >= 0.8
    assert np.mean([detector(seed, NOTHING) for seed in range(10)]) <= 0.2


@pytest.mark.endurance
def test_leaders_are_recovered_over_200_seeds():
    drawn = [recover_leaders(seed) for seed in range(200)]
    model, raw, centred = (
        np.mean([getattr(one, part) for one in drawn])
        for part in ("model", "raw_mean", "line_centred")
    )

    # Measured: .830, .601 and .762; with true variances and memory the best prediction has .831.
    assert model >= max(0.65, raw + 0.12, centred + 0.05)
    assert 0.93 <= np.mean([one.covered.mean() for one in drawn]) <= 0.97
