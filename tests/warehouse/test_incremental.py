"""Whatever the order of deliveries, a warehouse built day by day is the one built at once."""

from __future__ import annotations

from .conftest import LAST_DAY, House


def test_daily_deliveries_late_and_restated_leave_what_one_load_of_all_leaves(
    day_by_day, tiny_landing, parsed, tmp_path
):
    at_once = House(tmp_path, tiny_landing, parsed)

    at_once.run(LAST_DAY)

    assert at_once.is_full
    assert day_by_day.differences(at_once) == ""
