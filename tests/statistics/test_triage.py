"""Errors and events: each planted kind is told apart, and where nothing speaks it says so."""

import numpy as np
import pytest

from orchestration.statistics.detection.triage import triage_shift
from orchestration.statistics.refusal import (
    NO_VARIATION,
    NOT_POSITIVE,
    TOO_FEW_READINGS,
    Refusal,
)

AT = 24


def _plant(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Readings, records behind them, four others of the feed, two of other feeds."""
    rng = np.random.default_rng(seed)
    readings = 50 + rng.normal(size=30)
    counts = rng.poisson(400, 30)
    return readings, counts, 20 + rng.normal(size=(30, 4)), 80 + rng.normal(size=(30, 2))


def _told(readings, counts, same, elsewhere):
    return triage_shift(readings, AT, record_counts=counts, same_feed=same, other_feeds=elsewhere)


def test_a_change_of_unit_is_an_error_and_is_named():
    readings, *others = _plant(1)
    readings[AT:] /= 60
    found = _told(readings, *others)

    assert (found.verdict, found.traces) == ("data_error", ("unit_factor",))
    assert found.factor == "minutes and hours, or seconds and minutes"


def test_records_that_came_twice_are_an_error():
    readings, counts, *others = _plant(2)
    readings[AT:] *= 2
    counts[AT:] *= 2
    found = _told(readings, counts, *others)

    assert found.traces == ("unit_factor", "record_count")
    assert found.verdict == "data_error"


def test_values_that_stand_still_are_an_error():
    readings, *others = _plant(3)
    readings[AT:] = 45.0
    assert _told(readings, *others).traces == ("stuck",)


def test_a_break_in_one_whole_feed_is_an_error():
    readings, counts, same, elsewhere = _plant(4)
    readings[AT:] += 8
    same[AT:, :3] += 6
    assert _told(readings, counts, same, elsewhere).traces == ("whole_feed",)


def test_what_another_feed_saw_too_happened():
    readings, counts, same, elsewhere = _plant(5)
    readings[AT:] += 8
    elsewhere[AT:, 1] -= 5
    found = _told(readings, counts, same, elsewhere)

    assert (found.verdict, found.corroborated, found.traces) == ("real_shift", True, ())
    assert found.shift == pytest.approx(8, abs=1.5)
    # Then a break in the feed is the event and no trace of an error.
    same[AT:, :3] += 6
    assert _told(readings, counts, same, elsewhere).verdict == "real_shift"


def test_a_shift_of_which_nothing_speaks_is_undecided():
    readings, *others = _plant(6)
    readings[AT:] += 8
    assert _told(readings, *others).verdict == "undecided"
    # Nobody was asked.
    assert triage_shift(readings, AT).verdict == "undecided"


def test_series_without_a_shift_are_rarely_taken_for_shifted():
    rng = np.random.default_rng(7)
    told = [triage_shift(50 + rng.normal(size=30), AT) for _ in range(2000)]

    assert sum(not isinstance(one, Refusal) for one in told) <= 6


def test_noise_is_near_no_factor():
    rng = np.random.default_rng(8)
    readings = 5 + rng.normal(size=30) * 2
    readings[AT:] *= 2.1
    found = triage_shift(readings, AT)

    assert isinstance(found, Refusal) or found.factor is None


def test_series_that_cannot_be_told_are_refused():
    readings, counts, *_ = _plant(9)
    readings[AT:] += 8

    assert triage_shift(readings[AT - 5 :], 5).reason == TOO_FEW_READINGS
    assert triage_shift(readings[: AT + 2], AT).reason == TOO_FEW_READINGS
    assert triage_shift(_plant(9)[0], AT).reason == NO_VARIATION
    assert triage_shift(np.repeat([1.0, 2.0], 15), 15).reason == NO_VARIATION
    assert triage_shift(readings, AT, record_counts=counts * 0).reason == NOT_POSITIVE
    with pytest.raises(ValueError, match="outside"):
        triage_shift(readings, 30)
    with pytest.raises(ValueError, match="beside readings"):
        triage_shift(readings, AT, record_counts=counts[:9])
