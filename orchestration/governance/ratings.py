"""Ratings made comparable, and those that somebody must explain before they are locked."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.calibration.normalise import NormalisedRatings, normalise
from orchestration.statistics.refusal import Refusal

MODEL: Final = "cycle and {covariates} fixed; rater, unit and person random; REML"
NAMES: Final = {
    "log_unit_size": "size of the unit",
    "machine_count": "machines it runs",
    "level_code": "level of the job",
    "log_tenure": "years with the company",
}

_KEYS: Final = ["cycle_id", "employee_id", "rater_id", "org_unit_id", "stage_code"]
COLUMNS: Final = (
    *(*_KEYS, "convention", "raters_ratings", "units_ratings", "raw_points"),
    *("normalised_points", "low_points", "high_points", "rater_points", "unit_points"),
    *("covariate_points", "expected_points", "residual_points", "residual_z", "verdict", "refusal"),
)


def normalise_ratings(ratings: pd.DataFrame) -> pd.DataFrame:
    """Normalise the newest rating of each cycle for rater, size, complexity and tenure.

    Parameters
    ----------
    ratings : DataFrame, one row per cycle and employee
        `cycle_id`, `employee_id`, `rater_id`, `org_unit_id`, `stage_code`, `rating_points`,
        `unit_size` (people rated in the unit), `machine_count`, `level_code` and `tenure_years`;
        of the register `least_ratees` and `outlier_residual`.

    Returns
    -------
    DataFrame, one row per cycle and employee
        The key; the raw points, always; what rater, unit and covariates add; the normalised points
        with their 95 % interval; the residual and its `verdict` (as `NormalisedRatings`), or a
        `refusal` in the place of figures.
    """
    ordered = ratings.sort_values(_KEYS, ignore_index=True)
    if ordered.empty:
        return pd.DataFrame(columns=list(COLUMNS), dtype="object")
    level = ordered["level_code"].fillna("").to_numpy(dtype=str)
    found = normalise(
        ordered["rating_points"].to_numpy(dtype=float, na_value=np.nan),
        ordered["rater_id"].to_numpy(dtype=str),
        ordered["org_unit_id"].fillna("").to_numpy(dtype=str),
        ordered["employee_id"].to_numpy(dtype=str),
        ordered["cycle_id"].to_numpy(dtype=str),
        covariates={
            "log_unit_size": np.log(_numbers(ordered, "unit_size")),
            "machine_count": _numbers(ordered, "machine_count"),
            "level_code": level,
            "log_tenure": np.log1p(_numbers(ordered, "tenure_years")),
        },
        least=int(ordered["least_ratees"].iloc[0]),
        outlier=float(ordered["outlier_residual"].iloc[0]),
    )
    rows = ordered[_KEYS].assign(raw_points=ordered["rating_points"])
    figures = (
        {"refusal": f"{found.reason}: {found.detail}"}
        if isinstance(found, Refusal)
        else _figures(found, int(ordered["least_ratees"].iloc[0]))
    )
    rows = rows.assign(**figures)
    return rows.reindex(columns=list(COLUMNS)).astype({"verdict": "object", "refusal": "object"})


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(frame[name].to_numpy(dtype=float, na_value=np.nan), dtype=np.float64)


def _figures(found: NormalisedRatings, least: int) -> dict[str, Any]:
    refusals = {
        "insufficient": f"too_few_readings: fewer than {least} ratings by the rater or in the unit",
        "not_separable": "no_comparison: the rater shares no unit and no person with another rater",
        "none": "no_value: points, unit, level or tenure are not known",
    }
    columns = {
        "normalised_points": found.normalised,
        "low_points": found.low,
        "high_points": found.high,
        "rater_points": found.of_rater,
        "unit_points": found.of_unit,
        "covariate_points": found.of_covariates,
        "expected_points": found.expected,
        "residual_points": found.residual,
        "residual_z": found.z,
    }
    of = ", ".join(NAMES[one] for one in found.covariates)
    return {
        "convention": MODEL.format(covariates=of) if of else MODEL.replace(" and {covariates}", ""),
        "raters_ratings": found.n_of_rater,
        "units_ratings": found.n_of_unit,
        **{name: np.round(values, 10) for name, values in columns.items()},
        "verdict": [None if one in refusals else one for one in found.verdict],
        "refusal": [refusals.get(one) for one in found.verdict],
    }
