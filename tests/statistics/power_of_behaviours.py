"""What is said of behaviours that help, of none that do, and of figures that are answered.

`python -m` this module prints the table of docs/methods.md. A company has 40 lines on five sites
over 36 months, each line one handover; months of outcomes and of behaviours are autocorrelated by
0.4, and each site's month has a shock of its own of a whole deviation. One behaviour is held
against ten KPIs, of which the first one is as the row says and nine have nothing to do with it.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.governance.behaviours import link_behaviours

SITES, LINES, MONTHS, KPIS = 5, 40, 36, 10
SITE = np.repeat(np.arange(SITES), LINES // SITES)
WALKS_SD, WALKS_MEAN, LAG = 2.0, 8.0, 2


@dataclass(frozen=True)
class World:
    """One KPI and how often its leaders walked, both in deviations: shapes (lines, months)."""

    walks: np.ndarray
    outcome: np.ndarray
    effect: float = 0.0


def nothing(rng: np.random.Generator) -> World:
    return World(remembering(rng), remembering(rng))


def help_of(effect: float, memory: float = 0.4) -> Callable[[np.random.Generator], World]:
    def draw(rng: np.random.Generator) -> World:
        walks, outcome = remembering(rng, memory), remembering(rng)
        outcome[:, LAG:] += effect * walks[:, :-LAG]
        return World(walks, outcome, effect)

    return draw


def answered_next_month(rng: np.random.Generator) -> World:
    """A month that is a deviation worse brings 0.4 deviations more walks in the next."""
    walks, outcome = remembering(rng), remembering(rng, 0.8)
    walks[:, 1:] -= 0.4 * outcome[:, :-1]
    return World(walks, outcome)


def answered_slowly(rng: np.random.Generator) -> World:
    """The same of the mean of the last three months."""
    walks, outcome = remembering(rng), remembering(rng, 0.8)
    walks[:, 3:] -= 0.4 * (outcome[:, :-3] + outcome[:, 1:-2] + outcome[:, 2:-1]) / 3
    return World(walks, outcome)


def moved_by_a_third(rng: np.random.Generator) -> World:
    """What nobody records moves both in the same month: 0.4 deviations of each, memory 0.6."""
    third = 0.4 * remembering(rng, 0.6)
    return World(remembering(rng) + third, remembering(rng) + third)


def third_that_walks_show_first(rng: np.random.Generator) -> World:
    """The same, but the outcome has it two months after the walks: nothing can tell it apart."""
    third = 0.4 * remembering(rng, 0.6)
    walks, outcome = remembering(rng) + third, remembering(rng)
    outcome[:, LAG:] += third[:, :-LAG]
    return World(walks, outcome)


WORLDS: dict[str, Callable[[np.random.Generator], World]] = {
    "nothing": nothing,
    "walks help by 0.10 deviations, two months later": help_of(0.10),
    "by 0.15": help_of(0.15),
    "by 0.20": help_of(0.20),
    "by 0.20, walks autocorrelated by 0.8": help_of(0.20, 0.8),
    "leaders walk more after a bad month": answered_next_month,
    "leaders walk more after three bad months": answered_slowly,
    "a third thing moves both in the same month": moved_by_a_third,
    "a third thing moves the outcome two months later": third_that_walks_show_first,
}


def remembering(rng: np.random.Generator, memory: float = 0.4) -> np.ndarray:
    noise = rng.normal(size=(LINES, MONTHS))
    for at in range(1, MONTHS):
        noise[:, at] = memory * noise[:, at - 1] + (1 - memory**2) ** 0.5 * noise[:, at]
    return noise


def rows(world: World, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return readings of ten KPIs and the walks, one handover a line."""
    line, month = np.indices((LINES, MONTHS))
    leader = 2 * line + (month >= rng.integers(10, MONTHS - 10, LINES)[:, None])
    walks = np.rint(WALKS_MEAN + WALKS_SD * world.walks).clip(0)
    start = (np.datetime64("2023-10") + month.ravel()).astype("datetime64[D]")
    keys = {"leader_id": leader.ravel(), "period_start_date": start}
    outcomes = [world.outcome, *(remembering(rng) for _ in range(KPIS - 1))]
    readings = []
    for number, outcome in enumerate(outcomes):
        shock = rng.normal(size=(SITES, MONTHS))[SITE]
        reading = {
            "kpi_id": f"K{number}",
            "line_id": line.ravel(),
            "site_id": SITE[line.ravel()],
            "computed_value": (outcome + shock).ravel(),
            "direction": "higher",
        }
        readings.append(pd.DataFrame(reading | keys))
    done = pd.DataFrame({**keys, "behaviour_kind_code": "gemba_walk", "event_count": walks.ravel()})
    return pd.concat(readings), done


def said_of(world: World, rng: np.random.Generator) -> dict[str, bool]:
    """Say what of one draw: of the KPI in question, and wrongly of the nine others."""
    found = link_behaviours(*rows(world, rng))
    of, others = found[found["kpi_id"] == "K0"], found[found["kpi_id"] != "K0"]
    (at,) = of[of["lag_months"] == LAG].to_dict("records")
    # In deviations of its own within leaders and months, as the effect.
    true = world.effect / WALKS_SD * at["effect"] / at["estimate"]
    claims = ["supported", "speaks_against"]
    return {
        "found": at["verdict"] == "supported",
        "claimed": bool(of["verdict"].isin(claims).any()),
        "reverse": bool((of["verdict"] == "not_distinguishable_from_reverse").any()),
        "flagged": bool((of["placebo_p_value"] < 0.05).any()),
        "others": bool(others["verdict"].isin(claims).any()),
        "held": at["low_value"] <= true <= at["high_value"],
    }


def rates(name: str, seeds: int) -> dict[str, float]:
    """Share of draws of which each is said."""
    said = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        said.append(said_of(WORLDS[name](rng), rng))
    return pd.DataFrame(said).mean().to_dict()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    print(  # noqa: T201
        "| what is so | supported at two months | a claim at any lag | not distinguishable from "
        "reverse | placebo acts | a claim on nine others | interval holds it |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name in WORLDS:
        share = rates(name, seeds)
        print(  # noqa: T201
            f"| {name} | " + " | ".join(f"{share[one]:.1%}" for one in share) + " |", flush=True
        )


if __name__ == "__main__":
    main()
