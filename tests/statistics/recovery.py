"""What is found again of what `demo.readings` plants: `python -m` this module prints the tables.

Leaders by the mixed model against plain means; detectors with their plant switched on, and off. A
refusal counts as no finding. The tables of docs/methods.md are this output.
"""

import argparse
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from orchestration.demo.readings import (
    DUE_HOURS,
    LEAD_WEEKS,
    PLANTED,
    LineMonths,
    Plants,
    Weekly,
    answer_hours,
    line_months,
    weekly,
)
from orchestration.statistics.detection.evidence import PairEvidence, pair_evidence
from orchestration.statistics.detection.relations import redundant
from orchestration.statistics.detection.threshold import judge_threshold
from orchestration.statistics.mixed.leaders import LeaderEffects, leader_effects
from orchestration.statistics.refusal import Refusal

NOTHING = replace(PLANTED, leaders=0, slump=0, gamed=0, conflict=0, lead=0, redundant=0)
MAX_LAG = 8


class LeaderSeed(NamedTuple):
    """One draw: correlations with the truth, coverage, and who was called what."""

    model: float
    raw_mean: float
    line_centred: float
    covered: np.ndarray  # by leader with a figure, truth about the mean of these leaders
    covered_origin: np.ndarray  # truth as drawn, about the mean of leaders nobody has seen
    extreme_truth: np.ndarray  # of these, the fifth with the largest true effects
    extreme_estimate: np.ndarray
    called_apart: float  # share called better or worse
    credited_for_slump: bool
    raw_credit_for_slump: float  # points by which the line rose when the leader came


@dataclass(frozen=True)
class Rate:
    """Share of draws in which something is found, with its plant and without."""

    name: str
    power: float
    alarms: float


def recover_leaders(seed: int, plants: Plants = PLANTED) -> LeaderSeed:
    """Estimate the leaders of one draw."""
    drawn = line_months(seed, plants)
    found = leader_effects(
        drawn.oee, drawn.leader, drawn.line, drawn.site, drawn.month, least_periods=4
    )
    assert isinstance(found, LeaderEffects), found
    who = np.array([int(name) for name in found.separability.leaders])
    shown = np.isfinite(found.effect)
    origin = drawn.effect[who]
    truth = origin - origin[shown].mean()
    raw, centred = _means(drawn)
    covered = (found.low <= truth) & (truth <= found.high)
    slump = int(np.flatnonzero(who == drawn.after_slump)[0])

    def extreme(effect: np.ndarray) -> np.ndarray:
        return covered[shown][np.abs(effect[shown]) >= np.quantile(np.abs(effect[shown]), 0.8)]

    def against(estimate: np.ndarray) -> float:
        if not truth.any():
            return np.nan
        return float(np.corrcoef(estimate[shown], truth[shown])[0, 1])

    return LeaderSeed(
        model=against(found.effect),
        raw_mean=against(raw[who]),
        line_centred=against(centred[who]),
        covered=covered[shown],
        covered_origin=((found.low <= origin) & (origin <= found.high))[shown],
        extreme_truth=extreme(truth),
        extreme_estimate=extreme(found.effect),
        called_apart=float(
            np.mean([one in {"above", "below"} for one in np.array(found.verdict)[shown]])
        ),
        credited_for_slump=found.verdict[slump] == "above",
        raw_credit_for_slump=_rise(drawn),
    )


def _means(drawn: LineMonths) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each leader, and mean of what they were above their lines' means."""
    months = np.bincount(drawn.leader)
    line_mean = np.bincount(drawn.line, drawn.oee) / np.bincount(drawn.line)
    above = drawn.oee - line_mean[drawn.line]
    return np.bincount(drawn.leader, drawn.oee) / months, np.bincount(drawn.leader, above) / months


def _rise(drawn: LineMonths) -> float:
    """First four months after the appointment less the four before, on the slumped line."""
    theirs = drawn.leader == drawn.after_slump
    line, first = drawn.line[theirs][0], drawn.month[theirs].min()
    at = drawn.oee[drawn.line == line]
    return float(at[first : first + 4].mean() - at[first - 4 : first].mean())


def gamed(seed: int, plants: Plants) -> bool:
    """Whether answers are said to be booked just in time, at the threshold and not elsewhere."""
    found = judge_threshold(answer_hours(seed, plants), DUE_HOURS)
    return not isinstance(found, Refusal) and found.significant and not found.lumpy


def said_twice(seed: int, plants: Plants) -> bool:
    """Whether exactly the planted pair is called redundant."""
    drawn = weekly(seed, plants)
    found = redundant(drawn.values)
    pair = (drawn.names.index("faults"), drawn.names.index("fault_rate"))
    assert not isinstance(found, Refusal), found
    return any((one.first, one.second) == pair for one in found)


def related(seed: int, plants: Plants) -> tuple[Weekly, list[PairEvidence]]:
    """Return the pairs for which all evidence speaks, of all pairs of the weekly KPIs."""
    drawn = weekly(seed, plants)
    found = pair_evidence(drawn.values, directions=drawn.directions, max_lag=MAX_LAG, seed=seed)
    assert not isinstance(found, Refusal), found
    return drawn, [one for one in found if one.found]


def relation_rates(seeds: int) -> list[Rate]:
    """Goal conflict, lead, the lead that is none, and any pair where nothing is planted."""
    seen: dict[bool, list[list[bool]]] = {True: [], False: []}
    for seed in range(seeds):
        for planted in (True, False):
            drawn, found = related(seed, PLANTED if planted else NOTHING)
            said = {
                (drawn.names[one.leader], drawn.names[one.follower], one.lag, one.conflict)
                for one in found
            }
            pairs = {frozenset(one[:2]) for one in said}
            seen[planted].append(
                [
                    frozenset({"speed", "rework"}) in {frozenset(o[:2]) for o in said if o[3]},
                    ("training", "yield", LEAD_WEEKS, False) in said,
                    frozenset({"weather", "yield"}) in pairs,
                    bool(pairs - PLANTED_PAIRS),
                ]
            )
    on, off = np.mean(seen[True], axis=0).tolist(), np.mean(seen[False], axis=0).tolist()
    return [
        Rate("goal conflict, 156 weeks, 21 pairs searched", on[0], off[0]),
        Rate("lead of three weeks, at its lag", on[1], off[1]),
        Rate("lead that is none (beside a true one, and alone)", on[2], off[2]),
        Rate("any pair that is not planted (beside three that are, and alone)", on[3], off[3]),
    ]


PLANTED_PAIRS = {
    frozenset({"speed", "rework"}),
    frozenset({"training", "yield"}),
    frozenset({"faults", "fault_rate"}),
}


def rates(seeds: int) -> list[Rate]:
    """Return power and false alarms of each detector."""
    simple = [
        ("gamed due time, 1,000 answers, placebos passed", gamed),
        ("redundant pair of seven KPIs, 156 weeks", said_twice),
    ]
    return [
        Rate(
            name,
            *(
                float(np.mean([detector(seed, plants) for seed in range(seeds)]))
                for plants in (PLANTED, NOTHING)
            ),
        )
        for name, detector in simple
    ] + relation_rates(seeds)


def leader_table(seeds: int) -> list[tuple[str, str]]:
    """Return what the table of leaders prints."""
    drawn = [recover_leaders(seed) for seed in range(seeds)]
    null = [recover_leaders(seed, NOTHING) for seed in range(seeds)]

    def share(part: str) -> str:
        return f"{np.concatenate([getattr(one, part) for one in drawn]).mean():.1%}"

    def mean(part: str, of: list[LeaderSeed] = drawn) -> float:
        return float(np.mean([getattr(one, part) for one in of]))

    return [
        ("correlation with the truth, mixed model", f"{mean('model'):.2f}"),
        ("correlation, mean of the leader's months", f"{mean('raw_mean'):.2f}"),
        ("correlation, mean above the lines' means", f"{mean('line_centred'):.2f}"),
        ("95 % intervals that hold the truth", share("covered")),
        ("the same, about the mean that leaders are drawn from", share("covered_origin")),
        ("the same, fifth with the largest true effects", share("extreme_truth")),
        ("the same, fifth with the largest estimates", share("extreme_estimate")),
        ("leaders called apart from the mean", f"{mean('called_apart'):.1%}"),
        ("the same where no leader has an effect", f"{mean('called_apart', null):.1%}"),
        (
            "points by which the slumped line rises when its leader comes",
            f"{mean('raw_credit_for_slump'):.1f}",
        ),
        ("that leader, without any effect, called better", f"{mean('credited_for_slump'):.1%}"),
    ]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    print("| leaders of lines | |\n|---|---|")  # noqa: T201
    for name, figure in leader_table(seeds):
        print(f"| {name} | {figure} |")  # noqa: T201
    print("\n| planted in KPIs | found where it is | where it is not |\n|---|---|---|")  # noqa: T201
    for rate in rates(seeds):
        print(f"| {rate.name} | {rate.power:.1%} | {rate.alarms:.1%} |")  # noqa: T201


if __name__ == "__main__":
    main()
