"""What 360 feedback says of a leader: raw, freed of the severity of raters, and weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.calibration.agreement import within_group_agreement
from orchestration.statistics.calibration.fair_score import fair_score
from orchestration.statistics.calibration.many_facet import ManyFacet, many_facet
from orchestration.statistics.refusal import TOO_FEW_READINGS, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL: Final = "*"
"""In the place of a relationship: the weighted result over those that are shown."""
TOO_FEW: Final = "too_few_raters"
CORRECTED: Final = "severity"

Row = dict[str, Any]

COLUMNS: Final[Row] = {
    "cycle_id": None,
    "subject_id": None,
    "relationship_code": ALL,
    "raters": 0,
    "raters_corrected": 0,
    "weight": np.nan,
    "raw_score": np.nan,
    "fair_score": np.nan,
    "low_score": np.nan,
    "high_score": np.nan,
    "agreement": np.nan,
    "correction": None,
    "refusal": None,
}


def sum_up_feedback(scores: pd.DataFrame) -> pd.DataFrame:
    """Sum up feedback by leader and relationship, and over relationships.

    Parameters
    ----------
    scores : DataFrame, one row per cycle, leader, rater, relationship and item
        `cycle_id`, `subject_id`, `rater_id`, `relationship_code`, `item_id`, `score` (whole
        categories), `scale_min` and `scale_max`; of the register `weight` and `least_raters` of
        the relationship, `least_ratees` and `least_weight`.

    Returns
    -------
    DataFrame, one row per cycle, leader and relationship, and one (``*``) for all that are shown
        `raters` and `raters_corrected` of them, whose severity is known; `raw_score`, the mean of
        the raters' means; `fair_score` with its 95 % interval, as raters of average severity would
        have scored; `agreement` (r_wg); `weight` in the result over all; `correction`: `severity`,
        or why there is none; and `refusal` in the place of figures.

    Notes
    -----
    Severity comes from a many-facet Rasch model of the cycle (leader, item, rater). It is taken
    off where a rater rated leaders enough, about the mean of those who rate in the same
    relationship, and drawn towards it by its error; other raters count as they are. Groups below
    their fewest raters are not shown, and the result over all is made of shown groups alone, so
    that nobody can subtract what is hidden.
    """
    rows: list[Row] = []
    ordered = scores.sort_values(
        ["cycle_id", "subject_id", "relationship_code", "rater_id", "item_id"], ignore_index=True
    )
    for cycle, of_cycle in ordered.groupby("cycle_id", sort=True):
        fitted = many_facet(
            of_cycle["score"].to_numpy(dtype=float),
            {
                "leader": of_cycle["subject_id"].to_numpy(dtype=str),
                "item": of_cycle["item_id"].to_numpy(dtype=str),
                "rater": of_cycle["rater_id"].to_numpy(dtype=str),
            },
        )
        known = {} if isinstance(fitted, Refusal) else severities(fitted, of_cycle)
        parts: dict[str, list[Row]] = {}
        for (leader, relationship), group in of_cycle.groupby(
            ["subject_id", "relationship_code"], sort=True
        ):
            key = {"cycle_id": cycle, "subject_id": leader, "relationship_code": relationship}
            parts.setdefault(leader, []).append(COLUMNS | key | _of_group(group, fitted, known))
        for leader, groups in parts.items():
            over = _over_groups(groups, least_weight=float(of_cycle["least_weight"].iloc[0]))
            rows += [*groups, COLUMNS | {"cycle_id": cycle, "subject_id": leader} | over]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    if found.empty:
        return found
    return found.assign(
        **{name: found[name].round(10) for name in found.select_dtypes("float").columns}
    )


def severities(fitted: ManyFacet, scores: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return how severe raters are among those of a relationship, drawn towards their mean.

    Parameters
    ----------
    fitted : ManyFacet
        With a facet ``rater``.
    scores : DataFrame
        Rows of one cycle, as in `sum_up_feedback`.

    Returns
    -------
    dict of (relationship, rater) to float
        Logits, of raters who rated `least_ratees` leaders at least and have a measure.
    """
    facet = fitted.facets["rater"]
    measured = pd.DataFrame(
        {
            "rater_id": facet.elements,
            "measure": np.where(facet.is_extreme, np.nan, facet.measure),
            "variance": facet.standard_error**2,
        }
    ).dropna()
    rated = scores.groupby("rater_id")["subject_id"].nunique()
    enough = rated.index[rated >= scores["least_ratees"].iloc[0]]
    pairs = scores[["relationship_code", "rater_id"]].drop_duplicates()
    pairs = pairs[pairs["rater_id"].isin(enough)].merge(measured, on="rater_id")
    if pairs.empty:
        return {}
    centred = pairs["measure"] - pairs.groupby("relationship_code")["measure"].transform("mean")
    groups = pairs["relationship_code"].nunique()
    if len(pairs) <= groups:
        return {}
    observed = float((centred**2).sum()) / (len(pairs) - groups)
    between = max(observed - float(pairs["variance"].mean()), 0.0)
    drawn = centred * between / (between + pairs["variance"])
    keys = zip(pairs["relationship_code"], pairs["rater_id"], strict=True)
    return dict(zip(keys, drawn.tolist(), strict=True))


def _of_group(
    group: pd.DataFrame, fitted: ManyFacet | Refusal, known: Mapping[tuple[str, str], float]
) -> Row:
    first = {
        name: group[name].iloc[0]
        for name in ("relationship_code", "weight", "least_raters", "scale_min", "scale_max")
    }
    row: Row = {"weight": float(first["weight"])}
    score = group["score"].to_numpy(dtype=float)
    item = group["item_id"].to_numpy(dtype=str)
    rater = group["rater_id"].to_numpy(dtype=str)
    raters, by_rater = np.unique(rater, return_inverse=True)
    items, by_item = np.unique(item, return_inverse=True)
    if raters.size < first["least_raters"]:
        # How many there were is not said: it would tell who alone said nothing.
        fewest = int(first["least_raters"])
        return row | {"refusal": f"{TOO_FEW}: fewer than {fewest} raters, nothing is shown"}
    table = np.full((raters.size, items.size), np.nan)
    table[by_rater, by_item] = score
    agreement = within_group_agreement(table, float(first["scale_min"]), float(first["scale_max"]))
    row |= {
        "raters": raters.size,
        "raw_score": float(np.nanmean(table, axis=1).mean()),
        "agreement": np.nan if isinstance(agreement, Refusal) else agreement,
    }
    if isinstance(fitted, Refusal):
        return row | {"correction": f"{fitted.reason}: {fitted.detail}"}
    pairs = [(first["relationship_code"], one) for one in raters.tolist()]
    own = {pair[1]: known[pair] for pair in pairs if pair in known}
    found = fair_score(fitted, score, item, rater, own)
    if isinstance(found, Refusal):
        return row | {"correction": f"{found.reason}: {found.detail}"}
    return row | {
        "raters_corrected": len(own),
        "fair_score": found.score,
        "low_score": found.low,
        "high_score": found.high,
        "correction": CORRECTED,
    }


def _over_groups(parts: list[Row], *, least_weight: float) -> Row:
    shown = [row for row in parts if row["refusal"] is None and row["weight"] > 0]
    weight = sum(row["weight"] for row in shown)
    if not shown or weight < least_weight:
        return {
            "refusal": f"{TOO_FEW_READINGS}: groups that may be shown have less than "
            f"{least_weight:g} of the weight"
        }
    fair = [row for row in shown if row["correction"] == CORRECTED]
    half = [(row["high_score"] - row["low_score"]) / 2 * row["weight"] / weight for row in shown]
    has_fair = len(fair) == len(shown)
    score = sum(row["fair_score"] * row["weight"] for row in shown) / weight
    reach = float(np.sqrt(np.square(half).sum()))
    return {
        "raters": sum(row["raters"] for row in shown),
        "raters_corrected": sum(row["raters_corrected"] for row in shown),
        "weight": weight,
        "raw_score": sum(row["raw_score"] * row["weight"] for row in shown) / weight,
        "fair_score": score if has_fair else np.nan,
        "low_score": score - reach if has_fair else np.nan,
        "high_score": score + reach if has_fair else np.nan,
        "correction": CORRECTED if has_fair else shown[0]["correction"],
    }
