"""What the raters of one person would have said had they been raters of average severity."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.stats import t as student

from orchestration.statistics.calibration.many_facet import EXTREME_ADJUSTMENT, ManyFacet, moments
from orchestration.statistics.refusal import NO_VALUE, Refusal
from orchestration.statistics.spc.flat import Floats

_FARTHEST = 30.0


@dataclass(frozen=True)
class FairScore:
    """One person on the scale of the scores.

    Attributes
    ----------
    score : float
        Mean over all items that raters of average severity would be expected to give.
    low, high : float
        Its interval; NaN with fewer than two raters, or where all gave the lowest or highest score.
    measure, standard_error : float
        In logits; the error allows for whatever a rater's answers have in common.
    raters : int
    """

    score: float
    low: float
    high: float
    measure: float
    standard_error: float
    raters: int


def fair_score(
    fitted: ManyFacet,
    scores: ArrayLike,
    items: ArrayLike,
    raters: ArrayLike,
    severity: Mapping[str, float],
    *,
    item_facet: str = "item",
    confidence: float = 0.95,
) -> FairScore | Refusal:
    """Return a person's score by raters whose severity is taken as known.

    Parameters
    ----------
    fitted : ManyFacet
        With one rating scale for all items.
    scores : array_like, shape (n,)
        Ratings of the person; NaN marks a missing one.
    items, raters : array_like of str, shape (n,)
    severity : mapping of rater to float
        Logits; whoever is not in it is taken for average (0).
    item_facet : str
        Name of the facet of the items.
    confidence : float

    Returns
    -------
    FairScore or Refusal
        Refused: no rating on an item that has a measure.

    References
    ----------
    Linacre, *Many-Facet Rasch Measurement* (1994), "fair average". Error: Liang and Zeger,
    *Biometrika* 73 (1986), by rater, with n / (n - 1) and t with n - 1 degrees of freedom.
    """
    facet = fitted.facets[item_facet]
    difficulty = dict(zip(facet.elements.tolist(), facet.measure.tolist(), strict=True))
    hard = np.array([difficulty.get(str(one), np.nan) for one in np.asarray(items)])
    known = np.isfinite(np.asarray(scores, dtype=np.float64)) & np.isfinite(hard)
    if not known.any():
        return Refusal(NO_VALUE, "there is no rating on an item that has a measure")
    lowest = fitted.lowest["*"]
    steepness = np.append(0.0, np.cumsum(fitted.thresholds["*"]))
    top = steepness.size - 1
    x = np.clip(np.asarray(scores, dtype=np.float64)[known] - lowest, 0, top)
    who = np.asarray(raters).astype(str)[known]
    shift = hard[known] + np.array([severity.get(one, 0.0) for one in who.tolist()])

    def expected(measure: float, shifts: Floats) -> tuple[Floats, Floats]:
        return moments(
            measure - shifts,
            np.tile(steepness, (shifts.size, 1)),
            np.full(shifts.size, top, dtype=np.intp),
        )

    wanted = np.clip(x.sum(), EXTREME_ADJUSTMENT, x.size * top - EXTREME_ADJUSTMENT)
    far = _FARTHEST + np.abs(shift).max() + np.abs(fitted.thresholds["*"]).max(initial=0)
    measure = float(brentq(lambda at: expected(at, shift)[0].sum() - wanted, -far, far, xtol=1e-12))
    mean, spread = expected(measure, shift)
    names, by_rater = np.unique(who, return_inverse=True)
    count = names.size
    is_extreme = bool(x.sum() != wanted)
    error = np.nan
    if count > 1 and not is_extreme:
        of_rater = np.bincount(by_rater, x - mean)
        error = float(np.sqrt(count / (count - 1) * (of_rater**2).sum()) / spread.sum())
    half = float(student.ppf((1 + confidence) / 2, max(count - 1, 1))) * error
    all_items = facet.measure[np.isfinite(facet.measure)]

    def on_scale(at: float) -> float:
        return lowest + float(expected(at, all_items)[0].mean()) if np.isfinite(at) else np.nan

    return FairScore(
        score=on_scale(measure),
        low=on_scale(measure - half),
        high=on_scale(measure + half),
        measure=measure,
        standard_error=error,
        raters=int(count),
    )
