"""Every row of the power table on a few seeds: it runs, finds, and does not accuse at will."""

import pytest

from tests.statistics.power_of_trials import TRIALS, rates

# Methods that are in the table because they fail: no bound on their false alarms.
TOO_SURE = {
    "the same, errors taken as independent",
    "interrupted series, Newey-West",
}
# Too many months for so few lines, and it says so.
WEAK = {"drift of 0.2 points a month before the start, joint test"}


@pytest.mark.parametrize("name", TRIALS)
def test_a_method_finds_more_where_there_is_something(name):
    power, alarms, _ = rates(TRIALS[name], 16)

    # More than 5 of 16 at a true 12.5 % come once in a hundred, at 5 % in ten thousand.
    assert name in TOO_SURE or alarms <= 5 / 16
    assert name in WEAK or power > alarms + 0.2
