"""How often the detectors find what is there, and accuse what is not: `python -m` this module.

Every row draws its own data, with and without the effect, over the same number of seeds; a refusal
counts as no finding. The table of docs/methods.md is this output. What the demo company plants is
in recovery.py.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from orchestration.demo.readings import PLANTED, line_months
from orchestration.statistics.detection.bunching import density_break
from orchestration.statistics.detection.digits import first_digits, last_digits
from orchestration.statistics.detection.heaping import (
    break_of_counts,
    break_of_counts_by_width,
    heaps_at_round_figures,
    period_end_spike,
)
from orchestration.statistics.detection.reopening import reopen_rates
from orchestration.statistics.detection.triage import Triage, stands_still, triage_shift
from orchestration.statistics.experiments.handovers import find_handovers, mean_of_changes
from orchestration.statistics.fairness.audit import by_rater, impact_ratios, stage_change
from orchestration.statistics.fairness.clustering import (
    distances,
    inverse_distance_weights,
    morans_i,
)
from orchestration.statistics.fairness.ordinal import cumulative_link
from orchestration.statistics.fairness.raters import rater_group_interaction
from orchestration.statistics.refusal import Refusal

ALPHA = 0.05
# What a detector says of one draw, with the effect or without.
Detector = Callable[[np.random.Generator, bool], bool]


def gamed_target_of_many(rng: np.random.Generator, effect: bool) -> bool:
    """2,000 values, a third within half a deviation below the target moved just above it."""
    x = rng.normal(-0.25, 1, 2000)
    moved = (x < 0) & (x > -0.5) & (rng.random(2000) < 1 / 3) & effect
    return _p(density_break(np.where(moved, rng.uniform(0, 0.2, 2000), x), 0))


def gamed_percentages(rng: np.random.Generator, effect: bool) -> bool:
    """1,000 whole percentages; 40 % of those one point short are written up."""
    x = np.round(rng.normal(94, 4, 1000))
    return _p(
        break_of_counts(np.where((x == 94) & (rng.random(1000) < 0.4) & effect, 95, x), 95, step=1)
    )


def percentages_moved_by_many(rng: np.random.Generator, effect: bool) -> bool:
    """1,000 whole percentages; 70 % of the ten levels below are written up by ten."""
    x = np.round(rng.normal(94, 8, 1000))
    moved = (x < 95) & (x >= 85) & (rng.random(1000) < 0.7) & effect
    return _p(break_of_counts_by_width(np.where(moved, x + 10, x), 95, step=1))


def rounded_minutes(rng: np.random.Generator, effect: bool) -> bool:
    """600 downtimes in minutes; one in five written to the next five minutes."""
    x = np.round(rng.gamma(3, 12, 600))
    five = (rng.random(600) < 0.2) & effect
    return _p(heaps_at_round_figures(np.where(five, np.round(x / 5) * 5, x), step=1))


def invented_amounts(rng: np.random.Generator, effect: bool) -> bool:
    """800 amounts over four powers of ten; a fifth invented with even first digits."""
    x = np.exp(rng.normal(6, 2, 800))
    invented = rng.integers(1, 10, 800) * 10.0 ** rng.integers(1, 4, 800)
    return _p(first_digits(np.where((rng.random(800) < 0.2) & effect, invented, x)))


def invented_last_digits(rng: np.random.Generator, effect: bool) -> bool:
    """800 counts; a fifth invented, with last digit 3, 5 or 7."""
    x = rng.poisson(400, 800) + rng.integers(0, 100, 800)
    invented = x // 10 * 10 + rng.choice([3, 5, 7], 800)
    return _p(last_digits(np.where((rng.random(800) < 0.2) & effect, invented, x)))


def month_end(rng: np.random.Generator, effect: bool) -> bool:
    """Twelve months of about 300 over-dispersed events; 15 instead of 10 % in the last tenth."""
    events = rng.negative_binomial(20, 20 / 320, 12)
    share = rng.beta(10, 90, 12) + 0.05 * effect
    return _p(period_end_spike(events, np.full(12, 30), rng.binomial(events, share), late_days=3))


def reopened_tickets(rng: np.random.Generator, effect: bool) -> bool:
    """400 tickets, 60 closed on the last day; of these 25 instead of 10 % are opened again."""
    hurried = np.arange(400) < 60
    reopened = rng.random(400) < np.where(hurried & effect, 0.25, 0.1)
    return _p(reopen_rates(reopened, hurried))


def unit_error(rng: np.random.Generator, effect: bool) -> bool:
    """Daily values with a tenth of noise; one in seconds instead of minutes, or half higher."""
    x = rng.normal(100, 10, 31)
    x[30] *= 60 if effect else 1.5
    return _is_error(triage_shift(x, 30, fewest_after=1))


def counter_that_stands_still(rng: np.random.Generator, effect: bool) -> bool:
    """Four days at one value a quarter higher, or four days about there."""
    x = rng.normal(100, 10, 34)
    x[30:] = 125 if effect else x[30:] + 25
    return _is_error(triage_shift(x, 30))


def feed_that_jumps(rng: np.random.Generator, effect: bool) -> bool:
    """Five days of 25 % more, on all ten lines or on one; another feed sees nothing."""
    x, others = rng.normal(100, 10, 35), rng.normal(100, 10, (35, 9))
    x[30:] *= 1.25
    others[30:] *= 1.25 if effect else 1
    elsewhere = rng.normal(100, 10, (35, 2))
    return _is_error(triage_shift(x, 30, same_feed=others, other_feeds=elsewhere))


def list_that_stands_still(rng: np.random.Generator, effect: bool) -> bool:
    """A list that changes on nine days of ten; after 30 deliveries it is not kept for four."""
    moves = rng.random(34) < 0.9
    moves[30:] &= not effect
    found = stands_still(moves)
    return not isinstance(found, Refusal) and found.is_still


def _is_error(found: Triage | Refusal) -> bool:
    return not isinstance(found, Refusal) and found.verdict == "data_error"


def group_bias(rng: np.random.Generator, effect: bool) -> bool:
    """1,500 employees, half in each group, four in ten favoured; 0.7 logit against one group."""
    odds = 0.4 / 0.6 * np.exp(-0.7 * effect)
    good = [rng.binomial(750, 0.4), rng.binomial(750, odds / (1 + odds))]
    (found,) = _all(impact_ratios(good, [750, 750], reference=0))
    return not isinstance(found, Refusal) and found.finding == "adverse"


def small_group_bias(rng: np.random.Generator, effect: bool) -> bool:
    odds = 0.4 / 0.6 * np.exp(-0.7 * effect)
    good = [rng.binomial(120, 0.4), rng.binomial(30, odds / (1 + odds))]
    (found,) = _all(impact_ratios(good, [120, 30], reference=0))
    return not isinstance(found, Refusal) and found.finding == "adverse"


def rating_bias(rng: np.random.Generator, effect: bool) -> bool:
    """300 ratings of 1 to 5 with tenure; 0.7 logit against one group."""
    x = np.column_stack([rng.integers(0, 2, 300), rng.normal(size=300)]).astype(float)
    latent = -0.7 * effect * x[:, 0] + 0.5 * x[:, 1] + rng.logistic(size=300)
    found = cumulative_link(np.digitize(latent, [-2.5, -1, 1, 2.5]), x)
    return not isinstance(found, Refusal) and bool(abs(found.slopes[0] / found.se_slopes[0]) > 1.96)


def biased_rater(rng: np.random.Generator, effect: bool) -> bool:
    """Twenty raters, fifteen ratees in each group; one rates a group one deviation lower."""
    tables = []
    for rater in range(20):
        low = rng.normal(size=15) - (effect and rater == 7)
        good, other = np.count_nonzero(rng.normal(size=15) > 0), np.count_nonzero(low > 0)
        tables.append([[good, 15 - good], [other, 15 - other]])
    found = by_rater(tables)
    return not isinstance(found, Refusal) and bool(np.nanmin(found.adjusted_p_values) < ALPHA)


def biased_rater_by_scores(rng: np.random.Generator, effect: bool) -> bool:
    """The same raters by their scores."""
    rater, group = np.repeat(np.arange(20), 30), np.tile(np.repeat(["a", "b"], 15), 20)
    scores = rng.normal(size=600) - (effect & (rater == 7) & (group == "b"))
    found = rater_group_interaction(scores, rater, group, reference="a")
    return not isinstance(found, Refusal) and bool(found.adjusted_p_value.min() < ALPHA)


def calibration_stage(rng: np.random.Generator, effect: bool) -> bool:
    """200 employees; calibration changes one in eight, and one group's twice as often for worse."""
    group = np.repeat(["a", "b"], 100)
    before = rng.random(200) < 0.5
    chance = np.where((group == "b") & effect, np.where(before, 0.25, 0.06), 0.125)
    after = before ^ (rng.random(200) < chance)
    return _p(stage_change(before, after, group, reference="a"))


def clustered_sites(rng: np.random.Generator, effect: bool) -> bool:
    """Forty sites; half of the variance is shared by those near each other."""
    between = distances(rng.random((40, 2)))
    shared = np.linalg.cholesky(np.exp(-between / 0.3) + 1e-9 * np.eye(40)) @ rng.normal(size=40)
    value = np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=40)
    value = value if effect else rng.normal(size=40)
    found = morans_i(value, inverse_distance_weights(between), permutations=199)
    return not isinstance(found, Refusal) and found.p_permutation <= ALPHA


def costly_handovers(rng: np.random.Generator, effect: bool) -> bool:
    """OEE of 40 lines over three years; each new leader costs two points for half a year."""
    drawn = line_months(int(rng.integers(2**31)), replace(PLANTED, slump=0))
    shape = (drawn.line.max() + 1, drawn.month.max() + 1)
    oee, leader = (one.reshape(shape).copy() for one in (drawn.oee, drawn.leader))
    site = drawn.site.reshape(shape)[:, 0]
    for line, month in np.argwhere(leader[:, 1:] != leader[:, :-1]):
        oee[line, month + 1 : month + 7] -= 2 * effect
    found = find_handovers(oee, leader, site)
    return not isinstance(found, Refusal) and _mean_is_found(found.effect, found.site)


def _mean_is_found(values: np.ndarray, site: np.ndarray) -> bool:
    fit = mean_of_changes(values, site)
    return not isinstance(fit, Refusal) and fit.p_value() < ALPHA


DETECTORS: dict[str, Detector] = {
    "density break, 2,000 values": gamed_target_of_many,
    "break of counts, 1,000 whole percentages": gamed_percentages,
    "break of counts by width, the same moved by ten": percentages_moved_by_many,
    "heaps at five minutes, 600 downtimes": rounded_minutes,
    "first digits, 800 amounts": invented_amounts,
    "last digits, 800 counts": invented_last_digits,
    "period end, 12 months": month_end,
    "reopened, 60 of 400 tickets closed late": reopened_tickets,
    "changes of leaders that cost two points of OEE, 40 lines": costly_handovers,
    "error of units, one day of 31": unit_error,
    "counter that stands still for four days": counter_that_stands_still,
    "one feed that jumps on all lines": feed_that_jumps,
    "list that is not kept, 30 deliveries before": list_that_stands_still,
    "impact ratio, 750 and 750": group_bias,
    "impact ratio, 120 and 30": small_group_bias,
    "ordinal regression, 300 ratings": rating_bias,
    "one rater of twenty by outcomes, 15 and 15 ratees": biased_rater,
    "one rater of twenty by scores, 15 and 15 ratees": biased_rater_by_scores,
    "calibration stage, 200 employees": calibration_stage,
    "Moran's I, 40 sites": clustered_sites,
}


def rates(detector: Detector, seeds: int) -> tuple[float, float]:
    """Share of draws with the effect in which it is found, and of those without."""
    found = [
        np.mean([detector(np.random.default_rng(seed), effect) for seed in range(seeds)])
        for effect in (True, False)
    ]
    return float(found[0]), float(found[1])


def _p(found: object) -> bool:
    return not isinstance(found, Refusal) and bool(found.p_value < ALPHA)  # type: ignore[attr-defined]


def _all(found: object) -> tuple:
    assert isinstance(found, tuple)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    seeds = parser.parse_args().seeds
    print("| detector | found where it is | where it is not |\n|---|---|---|")  # noqa: T201
    for name, detector in DETECTORS.items():
        power, alarms = rates(detector, seeds)
        print(f"| {name} | {power:.0%} | {alarms:.1%} |")  # noqa: T201


if __name__ == "__main__":
    main()
