"""How often a planted bias and planted severe raters are found in ratings: `python -m` this module.

Drawn companies of 1,500 people and 40 raters. Bias: one cycle's proposals, women against men.
Severity: four cycles in which three in ten teams change their manager each year; one rater takes
0.8 points off, another adds as many. The tables of docs/methods.md are this output.
"""

import argparse
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from orchestration.demo.rating_draws import NOTHING_PLANTED, RatingPlants, draw_ratings
from orchestration.governance.fairness import audit_ratings
from orchestration.statistics.calibration.severity import rater_severity

BY_ALL = RatingPlants(biased_rater_sd=0)
ALONE = "R00"
BIASES: dict[str, tuple[RatingPlants, float]] = {
    "nothing": (NOTHING_PLANTED, 1.0),
    "severities alone": (RatingPlants(bias_logit=0, biased_rater_sd=0), 1.0),
    "0.7 logit by everybody": (BY_ALL, 1.0),
    "the same, half agree to the audit": (BY_ALL, 0.5),
    "the same, 15 % agree": (BY_ALL, 0.15),
    "one rater, 1 sd, 15 and 15 ratees": (RatingPlants(bias_logit=0), 1.0),
}
SEVERE = replace(NOTHING_PLANTED, severe_points=0.8)
TOOK_OFF, ADDED = "R01", "R02"
CYCLES = 4


class Audited(NamedTuple):
    """What the audit of one company says."""

    regression: bool
    adverse: bool
    rater: bool  # the one in whom a bias is planted, if there is one
    another: bool


class Judged(NamedTuple):
    """What is said of the raters of one company: the severe, the lenient, and of the others."""

    severe: bool
    lenient: bool
    others: float


def audit(seed: int, plants: RatingPlants, agree: float) -> Audited:
    """Audit the proposals of one draw."""
    ratings = draw_ratings(seed, plants, agree=agree).ratings
    found = audit_ratings(ratings[ratings["stage_code"] == "proposed"])
    women = found[found["group_code"] == "female"].set_index("method")["verdict"]
    named = set(found.loc[found["method"] == "rater", "stratum_id"])
    return Audited(
        regression=women.get("ordinal") == "differs",
        adverse=women.get("impact_ratio") == "adverse",
        rater=ALONE in named,
        another=bool(named - {ALONE}),
    )


def judge(seed: int, plants: RatingPlants) -> Judged:
    """Judge the raters of one draw by ratees who changed their manager."""
    ratings = draw_ratings(seed, plants, cycles=CYCLES).ratings
    proposed = ratings[ratings["stage_code"] == "proposed"]
    found = rater_severity(
        proposed["rating_points"], *(proposed[name] for name in ("rater_id", "employee_id")),
        proposed["cycle_id"],
    )  # fmt: skip
    verdict = dict(zip(found.raters.tolist(), found.verdict, strict=True))
    others = [one for rater, one in verdict.items() if rater not in {TOOK_OFF, ADDED}]
    return Judged(
        severe=verdict[TOOK_OFF] == "severe",
        lenient=verdict[ADDED] == "lenient",
        others=float(np.mean([one in {"severe", "lenient"} for one in others])),
    )


def biases(seeds: int) -> list[tuple[str, list[float]]]:
    """Return what is planted and the share of companies in which each part of the audit says so."""
    return [
        (name, np.mean([audit(seed, *drawn) for seed in range(seeds)], axis=0).tolist())
        for name, drawn in BIASES.items()
    ]


def severities(seeds: int) -> list[tuple[str, float, float]]:
    """Return name, share found where it is, share found where nothing is."""
    there = [judge(seed, SEVERE) for seed in range(seeds)]
    nothing = [judge(seed, NOTHING_PLANTED) for seed in range(seeds)]
    names = ("rater who takes 0.8 points off", "rater who adds 0.8", "any other rater called so")
    return list(
        zip(names, *(np.mean(found, axis=0).tolist() for found in (there, nothing)), strict=True)
    )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    heads = ("planted", "ordinal regression", "adverse ratio", "rater named", "another rater named")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")  # noqa: T201
    for name, (regression, adverse, rater, another) in biases(seeds):
        alone = f"{rater:.1%}" if BIASES[name][0].biased_rater_sd else ""
        print(f"| {name} | {regression:.1%} | {adverse:.1%} | {alone} | {another:.1%} |")  # noqa: T201
    print("\n| planted among raters | found where it is | where it is not |\n|---|---|---|")  # noqa: T201
    for row, power, alarms in severities(seeds):
        print(f"| {row} | {power:.1%} | {alarms:.1%} |")  # noqa: T201


if __name__ == "__main__":
    main()
