"""Ratings drawn from the company's own model, without files: what an audit finds, and misses.

The exports carry what one company happened to be. Power and false findings need many companies,
with a bias of known size and without any; so these draws share the model and its constants with
`development`, and everything planted can be set to nil.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy.special import expit

from orchestration.demo.development import (
    CALIBRATED_MANAGERS,
    MANAGER_SEVERITY_SD,
    RATING_LEVEL,
    RATING_SD,
    SEVERITY_REMOVED,
    TALENT_SD,
)
from orchestration.demo.size import random

SITES: Final = ("DE01", "US01", "GB01", "IN01", "JP01", "DE02")
WOMEN: Final = 0.31
FAVOURABLE: Final = 3.5
IN_THE_BIASED_TEAM: Final = 15
"""Of each group, so that the rater's bias has ratees to show in."""
# A logistic variable of scale 1 spreads as a normal one of this standard deviation.
LOGISTIC_SD: Final = 1.702
SPREAD: Final = float(np.sqrt(TALENT_SD**2 + MANAGER_SEVERITY_SD**2 + RATING_SD**2))
OWN_SPREAD: Final = float(np.sqrt(TALENT_SD**2 + RATING_SD**2))
"""Of points given by one rater to one group."""


@dataclass(frozen=True)
class RatingPlants:
    """What is planted; every part can be nil.

    Attributes
    ----------
    bias_logit : float
        How much lower women are proposed by everybody, as log odds of a higher rating.
    biased_rater_sd : float
        How much lower rater R00 proposes women than the others do, in standard deviations of the
        points that one rater gives to one group.
    severe_points : float
        How much rater R01 takes off, and R02 adds, beside what severity all raters have.
    severity_sd : float
        Of all other raters, in points.
    move_share : float
        Share of teams that get another manager from one cycle to the next.
    selective_logit : float
        How much likelier those with a favourable final rating agree to the audit.
    """

    bias_logit: float = 0.7
    biased_rater_sd: float = 1.0
    severe_points: float = 0.8
    severity_sd: float = MANAGER_SEVERITY_SD
    move_share: float = 0.3
    selective_logit: float = 0.0


NOTHING_PLANTED: Final = RatingPlants(0.0, 0.0, 0.0, 0.0, 0.3, 0.0)


@dataclass(frozen=True)
class DrawnRatings:
    """Ratings as the audit reads them, and the truth behind them.

    Attributes
    ----------
    ratings : DataFrame
        As `int_fairness__input`, with the one attribute gender.
    severity : Series
        Points that each rater takes off, by rater.
    """

    ratings: pd.DataFrame
    severity: pd.Series


def draw_ratings(
    seed: int,
    plants: RatingPlants = RatingPlants(),
    *,
    employees: int = 1_500,
    raters: int = 40,
    cycles: int = 1,
    agree: float = 1.0,
) -> DrawnRatings:
    """Draw the ratings of a company.

    Parameters
    ----------
    seed : int
    plants : RatingPlants
    employees, raters, cycles : int
        Everybody is rated in every cycle, by the manager of the team; a cycle is a year.
    agree : float
        Share who agree to the audit; the others have no group.
    """
    rng = random(seed, "drawn ratings")
    team = np.arange(employees) * raters // employees
    is_woman = rng.random(employees) < WOMEN
    biased_team = np.flatnonzero(team == 0)
    is_woman[biased_team] = np.arange(biased_team.size) % 2 == 0
    is_woman[biased_team[2 * IN_THE_BIASED_TEAM :]] = False
    talent = rng.normal(0, TALENT_SD, employees)
    severity = rng.normal(0, 1, raters) * plants.severity_sd
    severity[1] += plants.severe_points
    severity[2] -= plants.severe_points
    is_calibrated = rng.random(raters) < CALIBRATED_MANAGERS
    manager = np.arange(raters)
    pieces = []
    for cycle in range(cycles):
        if cycle:
            # R00 keeps the team in which the bias is planted.
            moving = 1 + np.flatnonzero(rng.random(raters - 1) < plants.move_share)
            manager[moving] = manager[np.roll(moving, 1)]
        rater = manager[team]
        fair = RATING_LEVEL + talent + rng.normal(0, RATING_SD, employees)
        fair -= is_woman * plants.bias_logit * SPREAD / LOGISTIC_SD
        fair -= is_woman * (rater == 0) * plants.biased_rater_sd * OWN_SPREAD
        kept = np.where(is_calibrated, 1 - SEVERITY_REMOVED, 1.0)[rater]
        settled = fair - kept * severity[rater]
        for stage, points in (
            ("proposed", fair - severity[rater]),
            ("calibrated", settled),
            ("final", settled),
        ):
            pieces.append(
                pd.DataFrame(
                    {
                        "cycle_id": f"R-{2024 + cycle}",
                        "stage_code": stage,
                        "rating_points": np.clip(np.rint(100 * points) / 100, 1, 5),
                        "rater_id": np.char.mod("R%02d", rater),
                        "employee": np.arange(employees),
                    }
                )
            )
    rated = pd.concat(pieces, ignore_index=True)
    final = rated.loc[rated["stage_code"] == "final"].tail(employees)["rating_points"].to_numpy()
    with np.errstate(divide="ignore"):
        logit = np.log(agree) - np.log1p(-agree) + plants.selective_logit * (final >= FAVOURABLE)
    says_yes = rng.random(employees) < expit(logit)
    at = rated.pop("employee").to_numpy()
    return DrawnRatings(
        rated.assign(
            audit_id="ratings",
            attribute_name="gender",
            employee_id=np.char.mod("E%05d", at),
            site_id=np.array(SITES)[team[at] * len(SITES) // raters],
            function_id=np.char.mod("T%02d", team[at]),
            level_code="L1",
            has_consent=says_yes[at],
            group_code=np.where(says_yes, np.where(is_woman, "female", "male"), None)[at],
            reference_group_code="male",
            favourable_points=FAVOURABLE,
            ratio_cut=0.8,
            alpha=0.05,
            least_members=10,
            site_role="legitimate",
            level_role=None,
        ),
        pd.Series(severity, index=np.char.mod("R%02d", np.arange(raters)), name="severity"),
    )
