"""What a site's figure would be in its usual surroundings: beside the raw figure, never for it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.governance.bridges import DIGITS, EXOGENOUS
from orchestration.statistics.attribution.drivers import DriverEffects, driver_effects
from orchestration.statistics.refusal import NO_VALUE, Refusal

if TYPE_CHECKING:
    from orchestration.statistics.spc.flat import Floats

MODEL: Final = "drivers-1"
"""Raise the number when the method changes; behind it stands a hash of what was declared."""
Z: Final = 1.96
"""Errors are widened for few sites already, so that the normal interval is the honest one."""

COLUMNS: Final = (
    "kpi_id", "entity_kind", "entity_id", "period_kind", "period_start_date", "factor_id",
    "role_code", "lag_months", "coefficient", "low_coefficient", "high_coefficient", "raw_value",
    "effect_value", "without_value", "low_without_value", "high_without_value", "adjusted_value",
    "low_adjusted_value", "high_adjusted_value", "reading_count", "site_count",
    "estimated_to_date", "model_version", "verdict", "refusal",
)  # fmt: skip


def adjust_readings(readings: pd.DataFrame, drivers: pd.DataFrame) -> pd.DataFrame:
    """Adjust monthly readings of sites for what was declared to come from outside.

    Parameters
    ----------
    readings, drivers : DataFrame
        As `bridges.explain_changes`.

    Returns
    -------
    DataFrame, one row per KPI with a declared driver, site, month and driver
        `effect_value` is what the driver did to `raw_value`, against its own mean at the site over
        the months that the model is estimated from; `without_value` is the figure without that,
        with the ends of its 95 % interval. `verdict` says what follows: ``taken_out`` (declared
        exogenous, and its coefficient is told from nil), ``no_evidence`` (declared exogenous, and
        it is not), ``not_exogenous`` (leaders share in it or bring it about: its figure is a
        sensitivity). `adjusted_value` is without all that are ``taken_out``, the same in all rows
        of a reading; missing where none is, or where one of them is not known for the month.
        `model_version` names the method and a hash of the declarations. A driver of which nothing
        can be told has a `refusal` in the place of its figures.

    Notes
    -----
    `statistics.attribution.drivers`, all exogenous drivers of a KPI together, each of another role
    beside these. The interval is that of the adjustment; how far the raw figure is chance its
    control chart says. Errors of drivers are taken as independent of each other.
    """
    parts = []
    sites = readings.drop_duplicates(["kpi_id", "site_id", "period_start_date"])
    for kpi, of_kpi in sites.sort_values(["kpi_id", "site_id", "period_start_date"]).groupby(
        "kpi_id"
    ):
        declared = drivers[drivers["kpi_id"] == kpi]
        if len(declared):
            parts.append(_adjusted(of_kpi.reset_index(drop=True), declared))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS), dtype="object")
    found = pd.concat(parts, ignore_index=True)
    numbers = found.select_dtypes("float").columns
    return found.assign(**{name: found[name].round(DIGITS) for name in numbers})[list(COLUMNS)]


def _adjusted(readings: pd.DataFrame, declared: pd.DataFrame) -> pd.DataFrame:
    month = pd.PeriodIndex(readings["period_start_date"], freq="M").asi8
    value = (
        readings["site_numerator"] / readings["site_denominator"] * readings["multiplier"]
    ).to_numpy(dtype=float)
    roles = declared.drop_duplicates("factor_id").set_index("factor_id").sort_index()
    logs = _logs(declared, readings["site_id"], month)
    exogenous = [name for name in roles.index if roles.loc[name, "role_code"] == EXOGENOUS]

    def fit(names: list[str]) -> DriverEffects | Refusal:
        return driver_effects(
            value, logs[names].to_numpy(), readings["site_id"].to_numpy(), month, names=names
        )

    together = fit(exogenous) if exogenous else None
    rows = []
    for name in roles.index:
        is_exogenous = name in exogenous
        found = together if is_exogenous else fit([*exogenous, name])
        assert found is not None  # there is an exogenous driver, or it was fitted just now
        at = exogenous.index(name) if is_exogenous else len(exogenous)
        rows.append(
            _driver(readings, value, logs[name].to_numpy(), found, at).assign(
                factor_id=name,
                role_code=roles.loc[name, "role_code"],
                lag_months=int(roles.loc[name, "lag_months"]),
                is_exogenous=is_exogenous,
            )
        )
    table = _without_evidenced(pd.concat(rows, ignore_index=True))
    return table.assign(
        kpi_id=readings["kpi_id"].iloc[0],
        entity_kind="site",
        period_kind="month",
        estimated_to_date=readings["period_start_date"].max(),
        model_version=f"{MODEL}.{_hash_of(roles)}",
    )


def _logs(declared: pd.DataFrame, site: pd.Series, month: np.ndarray) -> pd.DataFrame:
    """Return logarithms of each driver, one row per reading, those of its lag before."""
    bears_on = (
        pd.PeriodIndex(declared["period_start_date"], freq="M").asi8
        + declared["lag_months"].to_numpy()
    )
    table = declared.assign(
        month=bears_on, logarithm=np.log(declared["factor_value"].to_numpy(dtype=float))
    ).pivot_table(index=["site_id", "month"], columns="factor_id", values="logarithm")
    # A series without a single value has no column.
    table = table.reindex(columns=declared["factor_id"].unique())
    return table.reindex(pd.MultiIndex.from_arrays([site, month])).reset_index(drop=True)


def _driver(
    readings: pd.DataFrame,
    value: Floats,
    logs: Floats,
    found: DriverEffects | Refusal,
    at: int,
) -> pd.DataFrame:
    """Return the rows of one driver, the figures of which are missing where it is refused."""
    table: dict[str, Any] = {
        "entity_id": readings["site_id"],
        "period_start_date": readings["period_start_date"],
        "raw_value": value,
    }
    if isinstance(found, Refusal):
        said = f"{found.reason}: {found.detail}"
        return pd.DataFrame(table | {"refusal": said, "effect_sd": np.nan})
    usual = pd.Series(logs).groupby(readings["site_id"]).transform("mean").to_numpy()
    coefficient, sd = float(found.coefficient[at]), float(found.sd[at])
    effect, effect_sd = coefficient * (logs - usual), sd * np.abs(logs - usual)
    unknown = f"{NO_VALUE}: the series is not known for the month"
    return pd.DataFrame(
        table
        | {
            "coefficient": coefficient,
            "low_coefficient": coefficient - Z * sd,
            "high_coefficient": coefficient + Z * sd,
            "effect_value": effect,
            "effect_sd": effect_sd,
            "without_value": value - effect,
            "low_without_value": value - effect - Z * effect_sd,
            "high_without_value": value - effect + Z * effect_sd,
            "reading_count": found.n,
            "site_count": found.n_clusters,
            "refusal": pd.Series([unknown if one else None for one in np.isnan(logs)]),
        }
    )


def _without_evidenced(table: pd.DataFrame) -> pd.DataFrame:
    """Add verdicts, and the figure without all drivers that may and can be taken out."""
    table = table.reindex(columns=[*COLUMNS, "is_exogenous", "effect_sd"])
    is_seen = (table["low_coefficient"] > 0) | (table["high_coefficient"] < 0)
    is_out = is_seen & table["is_exogenous"].astype(bool)
    verdict = table["is_exogenous"].map({True: "no_evidence", False: "not_exogenous"})
    reading = [table["entity_id"], table["period_start_date"]]

    def total(part: pd.Series) -> pd.Series:
        # One that is not known makes the sum unknown; without any there is none.
        return part.where(is_out, 0.0).groupby(reading).transform(lambda one: one.sum(skipna=False))

    any_out = is_out.groupby(reading).transform("any")
    adjusted = (table["raw_value"] - total(table["effect_value"])).where(any_out)
    half = Z * np.sqrt(total(table["effect_sd"] ** 2))
    return table.assign(
        verdict=verdict.mask(is_out, "taken_out").where(table["refusal"].isna()),
        adjusted_value=adjusted,
        low_adjusted_value=adjusted - half,
        high_adjusted_value=adjusted + half,
    )


def _hash_of(roles: pd.DataFrame) -> str:
    said = [
        [str(name), str(role), int(lag)]
        for name, role, lag in zip(
            roles.index, roles["role_code"], roles["lag_months"], strict=True
        )
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]
