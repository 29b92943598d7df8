"""What the power table says, on a few seeds: help is found, an answer is not taken for help."""

import pytest

from tests.statistics.power_of_behaviours import rates


@pytest.mark.parametrize(
    ("world", "least_found", "most_claimed"),
    # In 200 draws found in 0, 92 and 0 %, and claimed at any lag in 0.5, 92 and 0 %.
    [
        ("nothing", 0, 1 / 6),
        ("by 0.20", 4 / 6, 1),
        ("leaders walk more after a bad month", 0, 1 / 6),
    ],
)
def test_help_is_found_and_nothing_else_is_taken_for_it(world, least_found, most_claimed):
    share = rates(world, 6)

    assert least_found <= share["found"] <= share["claimed"] <= most_claimed
