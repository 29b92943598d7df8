"""The table of what is found of teams is what the document prints, and a few seeds bear it out."""

import re
from pathlib import Path

import numpy as np

from tests.statistics.recovery_of_teamwork import NOTHING, TEAM_PLANTS, recover, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "methods.md"


def test_the_document_prints_every_row_of_the_recovery_of_teamwork():
    printed = DOCUMENT.read_text().split("| planted in teams |")[1].split("\n\n")[0]

    assert re.findall(r"^\| ([^|]+) \| [\d.]+% \| [\d.]+% \|$", printed, re.MULTILINE) == [
        name for name, _, _ in table(1)
    ]


def test_the_blocking_team_is_found_and_nobody_is_accused_where_there_is_none():
    there = [recover(seed, TEAM_PLANTS) for seed in range(6)]
    nothing = [recover(seed, NOTHING) for seed in range(6)]

    # 200 seeds miss none; of six, two missed would be another method.
    assert sum(one.blocker for one in there) >= 5
    assert not any(one.blocker or one.other_team for one in nothing)
    assert np.mean([one.carried for one in there]) > 0.45
    assert np.mean([one.wrongly_carried for one in nothing]) < 0.02
