"""The tables of what is found of ratings are those that are printed; a few seeds bear them out."""

import re
from pathlib import Path

import numpy as np

from tests.statistics.recovery_of_ratings import (
    BIASES,
    BY_ALL,
    NOTHING_PLANTED,
    SEVERE,
    audit,
    judge,
    severities,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "methods.md"


def _printed(head):
    after = DOCUMENT.read_text(encoding="utf-8").split(head)[1].split("\n\n")[0]
    return re.findall(r"^\| ([^|]+) \|(.+)\|$", after, re.MULTILINE)


def test_the_document_prints_every_row_of_both_tables():
    of_bias = _printed("| planted | ordinal regression |")
    of_raters = _printed("| planted among raters |")

    assert [name for name, _ in of_bias] == list(BIASES)
    assert [name for name, _ in of_raters] == [name for name, _, _ in severities(1)]


def test_the_printed_power_is_that_of_a_few_seeds():
    seeds = range(20)
    (_, shares), *_ = [row for row in _printed("| planted among raters |") if "takes" in row[0]]
    printed = float(re.findall(r"[\d.]+", shares)[0]) / 100
    there = [judge(seed, SEVERE) for seed in seeds]
    nothing = [judge(seed, NOTHING_PLANTED) for seed in seeds]

    # Four standard errors of 20 seeds.
    assert abs(np.mean([one.severe for one in there]) - printed) <= 4 * np.sqrt(
        max(printed * (1 - printed), 0.05) / len(seeds)
    )
    assert np.mean([one.others for one in nothing]) <= 0.02
    assert all(audit(seed, BY_ALL, 1.0).adverse for seed in range(4))
