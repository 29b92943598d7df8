"""Finality depends on dates and restatement alone."""

import pytest

from orchestration.governance.finality import finality


@pytest.mark.parametrize(
    ("latency", "as_of", "is_restated", "expected"),
    [
        (0, "2026-01-30", False, "provisional"),
        (0, "2026-01-31", False, "provisional"),
        (0, "2026-02-01", False, "final"),
        (3, "2026-02-03", False, "provisional"),
        (3, "2026-02-04", False, "final"),
        (3, "2026-02-04", True, "restated"),
        # Nobody had been told that it was final.
        (3, "2026-02-03", True, "provisional"),
    ],
)
def test_a_january_reading_is_final_when_its_latency_has_passed(
    latency, as_of, is_restated, expected
):
    result = finality("2026-01-31", latency, as_of=as_of, is_restated=is_restated)

    assert result.tolist() == [expected]


def test_many_readings_are_judged_at_once():
    result = finality(
        ["2026-01-31", "2026-02-28", "2026-03-31"],
        [1, 1, 1],
        as_of="2026-03-31",
        is_restated=[True, False, False],
    )

    assert result.tolist() == ["restated", "final", "provisional"]


def test_a_negative_latency_is_refused():
    with pytest.raises(ValueError, match="negative"):
        finality("2026-01-31", -1, as_of="2026-02-01", is_restated=False)
