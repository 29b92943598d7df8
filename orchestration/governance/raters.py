"""How severe raters are, and how far those agree who rate the same person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from orchestration.statistics.calibration.many_facet import many_facet
from orchestration.statistics.calibration.rasch import RaschModel, rasch_model
from orchestration.statistics.calibration.severity import rater_severity
from orchestration.statistics.fairness.clustering import intraclass
from orchestration.statistics.refusal import NO_COMPARISON, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

NORMAL_95: Final = 1.96
ALL: Final = "*"
"""In the place of a cycle, rater, relationship or item where a result is of all of them."""

Row = dict[str, Any]

COLUMNS: Final[Row] = {
    "source_code": None,
    "cycle_id": ALL,
    "relationship_code": ALL,
    "rater_id": ALL,
    "item_id": ALL,
    "method": None,
    "convention": None,
    "n": 0,
    "n_shared": 0,
    "estimate_kind": None,
    "estimate": np.nan,
    "sd": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "p_value": np.nan,
    "verdict": None,
    "refusal": None,
}


def judge_raters(ratings: pd.DataFrame) -> pd.DataFrame:
    """Estimate severity and agreement of raters.

    Parameters
    ----------
    ratings : DataFrame, one row per source, cycle, person rated, rater, relationship and item
        `source_code` (``ratings``: one rater per person; ``feedback_360``: several, under a token
        that lasts one cycle), `cycle_id`, `ratee_id`, `rater_id`, `relationship_code`, `item_id`
        and `score`.

    Returns
    -------
    DataFrame, one row per result
        By `source_code`, `cycle_id`, `relationship_code`, `rater_id`, `item_id` and `method`:
        `convention`, `n`, `n_shared`, `estimate` (`estimate_kind` says of what) with
        `sd` and 95 % interval, `p_value`, `verdict` and `refusal`.

        ``severity``: points that a rater takes off, from ratees who changed raters (`n_shared` of
        `n`); without enough of them there is no number. ``severity_spread``: its standard deviation
        over raters. ``agreement``: share of the variance of raters' mean scores that lies between
        the persons rated (one-way intraclass correlation). ``partial_credit``: how hard it is to
        be scored high on an item, in logits. ``many_facet``: the same beside raters and persons on
        one scale, and over raters the standard deviation of severity; ``many_facet_fit``: infit of
        an item, and over raters the share of their spread that is not error.

    Notes
    -----
    Tokens of 360 feedback stand for nobody, so no single one is judged.
    """
    ordered = ratings.sort_values(
        ["source_code", "cycle_id", "ratee_id", "rater_id", "relationship_code", "item_id"],
        ignore_index=True,
    )
    rows: list[Row] = []
    for source, group in ordered.groupby("source_code", sort=True):
        parts = _of_managers(group) if source == "ratings" else _of_feedback(group)
        rows += [COLUMNS | {"source_code": source} | row for row in parts]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    if found.empty:
        return found
    return found.assign(
        **{name: found[name].round(10) for name in found.select_dtypes("float").columns}
    )


SINGULAR: Final = (
    "singular: raters differ no more than chance, so their variance is estimated as 0 and tells "
    "nobody from another"
)


def _of_managers(group: pd.DataFrame) -> Iterator[Row]:
    found = rater_severity(group["score"], group["rater_id"], group["ratee_id"], group["cycle_id"])
    yield _spread_row(found)
    if isinstance(found, Refusal):
        return
    for at, rater in enumerate(found.raters.tolist()):
        row = {
            "rater_id": rater,
            "method": "severity",
            "convention": "ratee and cycle fixed, raters random; REML; variances taken as known",
            "n": int(found.n[at]),
            "n_shared": int(found.shared[at]),
            "estimate_kind": "points_taken_off",
        }
        if found.singular and np.isfinite(found.severity[at]):
            yield row | {"refusal": SINGULAR}
            continue
        yield row | {
            "estimate": float(found.severity[at]),
            "sd": float(found.sd[at]),
            "low_value": float(found.low[at]),
            "high_value": float(found.high[at]),
            "verdict": found.verdict[at],
        }


def _of_feedback(group: pd.DataFrame) -> Iterator[Row]:
    for cycle, of_cycle in group.groupby("cycle_id", sort=True):
        # A rater hands in all items at once: the mean is what the rater says of the person.
        said = of_cycle.groupby(["ratee_id", "rater_id", "relationship_code"], as_index=False)[
            "score"
        ].mean()
        spread = rater_severity(
            said["score"], said["rater_id"], said["ratee_id"], np.full(len(said), cycle)
        )
        yield {"cycle_id": cycle} | _spread_row(spread)
        for relationship, own in said.groupby("relationship_code", sort=True):
            yield {"cycle_id": cycle, "relationship_code": relationship} | _agreement_row(own)
        for row in (*_item_rows(of_cycle), *_facet_rows(of_cycle)):
            yield {"cycle_id": cycle} | row


def _spread_row(found: Any) -> Row:
    row: Row = {
        "method": "severity_spread",
        "convention": "standard deviation over raters, ratee and cycle fixed; REML",
        "estimate_kind": "points",
    }
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "n": found.ratees,
        "n_shared": found.changed,
        "estimate": float(found.between**0.5),
        "verdict": "raters_differ" if found.between > 0 else "no_difference_shown",
    }


def _agreement_row(said: pd.DataFrame) -> Row:
    row: Row = {
        "method": "agreement",
        "convention": "one-way intraclass correlation of raters' means; each person has own raters",
        "estimate_kind": "intraclass_correlation",
        "n": len(said),
    }
    found = intraclass(said["score"].to_numpy(dtype=float), said["ratee_id"].to_numpy(dtype=str))
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "n_shared": found.groups,
        "estimate": found.icc,
        "low_value": found.low,
        "high_value": found.high,
        "p_value": found.p_value,
    }


def _item_rows(scored: pd.DataFrame) -> Iterator[Row]:
    wide = scored.pivot_table(
        index=["ratee_id", "rater_id", "relationship_code"], columns="item_id", values="score"
    )
    row: Row = {
        "method": "partial_credit",
        "convention": "conditional likelihood; mean step difficulty, to compare items by",
        "estimate_kind": "logits",
        "n": len(wide),
    }
    found: RaschModel | Refusal = rasch_model(wide.to_numpy(dtype=float), "PCM")
    if len({*zip(wide.min(), wide.max(), strict=True)}) > 1:
        # Steps from the lowest score that was given are other steps for other items.
        found = Refusal(NO_COMPARISON, "not every item was given every score")
    if isinstance(found, Refusal):
        yield row | _refused(found)
        return
    last = np.cumsum(found.categories) - 1
    items = wide.columns[found.items]
    for item, at, steps in zip(items, last.tolist(), found.categories.tolist(), strict=True):
        # The last cumulated easiness is the sum of all steps.
        estimate, error = -found.easiness[at] / steps, found.se_easiness[at] / steps
        yield row | {
            "item_id": str(item),
            "estimate": float(estimate),
            "sd": float(error),
            "low_value": float(estimate - NORMAL_95 * error),
            "high_value": float(estimate + NORMAL_95 * error),
        }


def _facet_rows(scored: pd.DataFrame) -> Iterator[Row]:
    measured: Row = {
        "method": "many_facet",
        "convention": "person, item and rater fixed, one rating scale; joint likelihood",
        "estimate_kind": "logits",
    }
    fit: Row = measured | {"method": "many_facet_fit", "estimate_kind": "infit_mean_square"}
    found = many_facet(
        scored["score"].to_numpy(dtype=float),
        {
            "ratee": scored["ratee_id"].to_numpy(dtype=str),
            "item": scored["item_id"].to_numpy(dtype=str),
            "rater": scored["rater_id"].to_numpy(dtype=str),
        },
    )
    if isinstance(found, Refusal):
        yield measured | _refused(found)
        return
    raters, items = found.facets["rater"], found.facets["item"]
    n = {"n": int(np.count_nonzero(np.isfinite(raters.infit)))}
    yield measured | n | {"estimate": raters.spread}
    yield fit | n | {"estimate_kind": "reliability", "estimate": raters.reliability}
    for at, item in enumerate(items.elements.tolist()):
        own = {"item_id": item, "n": int(items.n[at])}
        estimate, error = float(items.measure[at]), float(items.standard_error[at])
        yield (
            measured
            | own
            | {
                "estimate": estimate,
                "sd": error,
                "low_value": estimate - NORMAL_95 * error,
                "high_value": estimate + NORMAL_95 * error,
            }
        )
        yield fit | own | {"estimate": float(items.infit[at])}


def _refused(refusal: Refusal) -> Row:
    return {"refusal": f"{refusal.reason}: {refusal.detail}"}
