"""Rasch models: R's eRm, the conditional likelihood by enumeration, laws and refusals."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.statistics.calibration.rasch import person_measures, rasch_model
from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    INFINITE_VALUE,
    SEPARATION,
    TOO_FEW_READINGS,
    Refusal,
)

# Twenty persons, six items of four categories: `rsmdat` of R's eRm.
_ROWS = """
320101 111103 200002 020010 102130 122100 000000 201103 212221 220003
013022 203133 131233 202312 220230 312032 211333 110323 010322 001123
"""
RATINGS = np.array([[int(one) for one in row] for row in _ROWS.split()], dtype=float)
HIGH = (RATINGS > 1).astype(float)


def _answers(seed: int, persons: int = 60, items: int = 5, steps: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ability, place = rng.normal(size=(persons, 1)), np.linspace(-1, 1, items)
    chance = 1 / (1 + np.exp(place - ability))
    return rng.binomial(steps, chance).astype(float)


def test_dichotomous_items_are_those_of_erm():
    found = rasch_model(HIGH)

    # eRm 1.0-2, RM(): its optimizer stops in the fifth digit.
    assert found.log_likelihood == pytest.approx(-46.885522502904, abs=1e-8)
    assert found.easiness == pytest.approx(
        [0.2042565, -0.6341868, -0.4129790, -0.4129790, 0.4096675, 0.8462208], abs=2e-5
    )
    assert found.se_easiness == pytest.approx(
        [0.4147823, 0.4364001, 0.4240256, 0.4240256, 0.4190662, 0.4406967], abs=2e-5
    )
    assert found.easiness.sum() == pytest.approx(0, abs=1e-12)
    assert found.gradient < 1e-8


def test_partial_credit_is_that_of_erm():
    found = rasch_model(RATINGS, "PCM")

    assert found.log_likelihood == pytest.approx(-101.86459010182, abs=1e-7)
    assert found.easiness[:6] == pytest.approx(
        [0.3687165, 0.9727104, -0.2879511, 0.2939597, 0.0846444, -1.3937207], abs=5e-5
    )
    assert found.se_easiness[:3] == pytest.approx([0.6409944, 0.5738148, 0.8115609], abs=6e-5)
    assert found.easiness.sum() == pytest.approx(0, abs=1e-12)


def test_the_rating_scale_is_that_of_erm():
    found = rasch_model(RATINGS, "RSM")

    assert found.log_likelihood == pytest.approx(-107.561823945, abs=1e-7)
    assert found.easiness[:6] == pytest.approx(
        [0.0239458, 0.2152851, -0.0660693, -0.3051523, -0.4429111, -1.0533635], abs=5e-5
    )
    assert found.se_easiness[:3] == pytest.approx([0.1954895, 0.5999247, 0.9324641], abs=6e-5)
    # All items add the same steps to their own easiness.
    by_item = found.easiness.reshape(6, 3)
    steps = by_item - by_item[:, :1] * [1, 2, 3]
    assert steps == pytest.approx(np.tile(steps[0], (6, 1)))


def test_persons_are_those_of_erm():
    found = person_measures(rasch_model(HIGH))

    # R prints the scores 1 to 4; the measures of the lowest and the highest do not exist.
    assert found.measure[1:5] == pytest.approx(
        [-1.7018900, -0.7365687, 0.0038281, 0.7415932], abs=2e-5
    )
    assert found.standard_error[1:4] == pytest.approx([1.1178221, 0.8934607, 0.8442320], abs=5e-5)
    assert np.isnan(found.measure[[0, 6]]).all()


@pytest.mark.parametrize("model", ["PCM", "RSM"])
def test_the_likelihood_is_that_of_all_answers_with_the_same_sum(model):
    answers = _answers(3, persons=40, items=4, steps=2)
    answers[::7, 2] = np.nan
    found = rasch_model(answers, model)
    easiness = np.column_stack([np.zeros(4), found.easiness.reshape(4, 2)])

    total = 0.0
    for row in answers:
        there = np.flatnonzero(np.isfinite(row))
        score = row[there].sum()
        same = [p for p in product(range(3), repeat=there.size) if sum(p) == score]
        chances = [np.exp(sum(easiness[i, k] for i, k in zip(there, p, strict=True))) for p in same]
        total += np.log(chances[same.index(tuple(row[there].astype(int)))] / sum(chances))
    assert found.log_likelihood == pytest.approx(total, rel=1e-12)


def test_two_items_are_the_log_ratio_of_those_who_mastered_one_of_them():
    answers = np.repeat([[1, 0], [0, 1], [1, 1], [0, 0]], [30, 12, 9, 5], axis=0)
    found = rasch_model(answers)

    # McNemar's table: the easier item less the other.
    assert np.diff(found.easiness)[0] == pytest.approx(np.log(12 / 30))
    assert found.se_easiness == pytest.approx([np.sqrt(1 / 30 + 1 / 12) / 2] * 2)
    assert found.persons == 42


@settings(max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_persons_and_items_in_another_order_or_coding_change_nothing(seed, shift):
    answers = _answers(seed)
    there = rasch_model(answers)
    turned = rasch_model(answers[::-1, ::-1] + shift)
    if isinstance(there, Refusal):
        assert turned == there
        return

    assert turned.easiness[::-1] == pytest.approx(there.easiness, abs=1e-9)
    mirrored = rasch_model(1 - answers)
    assert mirrored.easiness == pytest.approx(-there.easiness, abs=1e-9)


def test_persons_and_items_without_information_are_left_out():
    answers = _answers(1)
    there = rasch_model(answers)
    padded = np.vstack([answers, np.ones((9, 5)), np.zeros((9, 5)), np.full((3, 5), np.nan)])
    padded = np.column_stack([padded, np.ones(len(padded)), np.full(len(padded), np.nan)])
    found = rasch_model(padded)

    # The constant item shifts no score against another.
    assert found.items.tolist() == [0, 1, 2, 3, 4]
    assert found.easiness == pytest.approx(there.easiness)
    assert found.log_likelihood == pytest.approx(there.log_likelihood)


def test_hundred_items_are_found_where_they_are():
    rng = np.random.default_rng(7)
    place = np.linspace(-2, 2, 100)
    ability = rng.normal(size=(2000, 1))
    answers = (rng.random((2000, 100)) < 1 / (1 + np.exp(place - ability))).astype(float)
    found = rasch_model(answers)

    z = (found.easiness + place) / found.se_easiness
    assert found.gradient < 1e-8
    # A hundred standard normals: mean square 1 with standard error .14.
    assert (z**2).mean() == pytest.approx(1, abs=0.42)


def test_answers_that_cannot_be_scaled_are_refused():
    def reason(answers: np.ndarray, model: str = "RM") -> str:
        found = rasch_model(answers, model)
        assert isinstance(found, Refusal)
        return found.reason

    assert reason(RATINGS) == IMPOSSIBLE_VALUE
    assert reason(HIGH + 0.5 * (HIGH > 0)) == IMPOSSIBLE_VALUE
    assert reason(np.where(HIGH > 0, np.inf, 0)) == INFINITE_VALUE
    assert reason(HIGH[:, :1]) == TOO_FEW_READINGS
    assert reason(np.full((4, 3), np.nan)) == TOO_FEW_READINGS
    # Whoever masters the second item masters the first: Guttman's scale has no distances.
    assert reason(np.array([[0, 0], [1, 0], [1, 1]])) == SEPARATION
    assert reason(np.where(RATINGS == 2, 1, RATINGS), "PCM") == SEPARATION
    assert reason(np.column_stack([RATINGS, HIGH[:, 0]]), "RSM") == IMPOSSIBLE_VALUE
    with pytest.raises(ValueError, match="unknown model"):
        rasch_model(HIGH, "2PL")


@pytest.mark.parametrize("model", ["PCM", "RSM"])
def test_items_that_nobody_answered_together_are_not_compared(model):
    apart = np.full((400, 4), np.nan)
    apart[:200, :2] = _answers(3, persons=200, items=2, steps=2)
    apart[200:, 2:] = _answers(4, persons=200, items=2, steps=2)
    found = rasch_model(apart, model)

    assert isinstance(found, Refusal)
    assert found.reason == "no_comparison"
