"""The table of powers and false alarms: it is what the document prints, and detectors detect."""

import re
from pathlib import Path

import pytest

from tests.statistics.power_of_detection import DETECTORS, rates

TABLE = Path(__file__).parents[2] / "docs" / "methods.md"


def test_the_document_prints_a_row_for_every_detector():
    printed = re.findall(r"^\| ([^|]+) \| \d+% \| \d+\.\d% \|$", TABLE.read_text(), re.MULTILINE)

    assert printed == list(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_finds_what_is_there_more_often_than_it_accuses(name):
    power, alarms = rates(DETECTORS[name], 40)

    # Forty draws at 5 % exceed 6 with chance 0.3 %; seed 0 on gave 9 % of 200 for one of fifteen.
    assert alarms <= 6 / 40
    assert power > alarms
