"""How often a planted blocking team and planted free riders are found: `python -m` this module.

Companies of the default size, with the plants and without; the last two rows are of what is not
planted beside what is. The table of docs/methods.md is this output.
"""

import argparse
from typing import NamedTuple

import numpy as np

from orchestration.demo.company import TEAM_PLANTS, TeamPlants
from orchestration.demo.team_draws import draw_crews, draw_work
from orchestration.governance.teamwork import ALL, assign_delays, find_free_riding

NOTHING = TeamPlants(blocked_days=0, free_riding=0)


class Found(NamedTuple):
    """What one company's answer says of what is planted and of what is not."""

    blocker: bool
    other_team: bool  # of the same site
    carried: float  # share of the crews with a free rider, or nan where there is none
    wrongly_carried: float  # share of the others


def recover(seed: int, plants: TeamPlants) -> Found:
    """Judge the teams of the blocker's site, and all crews, of one draw."""
    tasks, blocker = draw_work(seed, plants)
    rows = assign_delays(tasks[tasks["site_id"] == blocker.split("-")[0]])
    blocks = set(rows.loc[(rows["item_id"] == ALL) & (rows["verdict"] == "blocks"), "team_id"])
    scores, riding = draw_crews(seed, plants)
    crews = find_free_riding(scores)
    has_one = np.array(
        [one in riding for one in zip(crews["cycle_id"], crews["team_id"], strict=True)]
    )
    carried = (crews["verdict"] == "carried").to_numpy()
    return Found(
        blocker=blocker in blocks,
        other_team=bool(blocks - {blocker}),
        carried=float(carried[has_one].mean()) if has_one.any() else np.nan,
        wrongly_carried=float(carried[~has_one].mean()),
    )


def table(seeds: int) -> list[tuple[str, float, float]]:
    """Return name, share found where it is, share found where nothing is."""
    there = [recover(seed, TEAM_PLANTS) for seed in range(seeds)]
    nothing = [recover(seed, NOTHING) for seed in range(seeds)]

    def share(found: list[Found], part: str) -> float:
        return float(np.nanmean([getattr(one, part) for one in found]))

    alike = share(nothing, "wrongly_carried")
    return [
        ("team that hands on four days late", share(there, "blocker"), share(nothing, "blocker")),
        (
            "another team of its site called blocking",
            share(there, "other_team"),
            share(nothing, "other_team"),
        ),
        ("crew of six with a free rider of 1.6 points", share(there, "carried"), alike),
        ("crew without one called carried", share(there, "wrongly_carried"), alike),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    print("| planted in teams | found beside it | found where nothing is |\n|---|---|---|")  # noqa: T201
    for name, power, alarms in table(seeds):
        print(f"| {name} | {power:.1%} | {alarms:.1%} |")  # noqa: T201


if __name__ == "__main__":
    main()
