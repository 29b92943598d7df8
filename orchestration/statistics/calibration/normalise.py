"""Ratings without what the rater, the size of the unit and the job add to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from orchestration.statistics.mixed.linear import LinearMixed, fit_linear
from orchestration.statistics.refusal import NO_COMPARISON, Refusal, refuse_values
from orchestration.statistics.spc.flat import Bools, Floats, Ints

Verdict = Literal["outlier_high", "outlier_low", "in_line", "insufficient", "not_separable", "none"]

LEAST_RATEES: Final = 5
OUTLIER: Final = 2.5


@dataclass(frozen=True)
class NormalisedRatings:
    """Ratings beside what is expected of them; arrays have one entry per rating given.

    Attributes
    ----------
    normalised : ndarray
        Points without the rater's part and that of the covariates (about their means). The unit's
        part stays in: a team may be better than others.
    low, high : ndarray
        Interval of the normalised points: what is taken off is an estimate, the rating is not.
    of_rater, of_unit : ndarray
        Points that rater and unit add, drawn towards 0.
    of_covariates : ndarray
        Points that the covariates add.
    expected, residual, z : ndarray
        What rater, unit, period and covariates have one expect, what is left, and that over the
        standard deviation of what is left between persons and from period to period.
    n_of_rater, n_of_unit : ndarray of int
        Ratings by the same rater, and in the same unit, in the period.
    verdict : tuple of str
        `outlier_high` or `outlier_low` beyond the cut; `in_line`; `insufficient` where rater or
        unit have too few in the period and `not_separable` where the rater shares no unit and no
        person with another rater: both without figures but the counts; `none` without a rating or
        with a covariate missing.
    covariates, left_out : tuple of str
        Those in the model, and those that vary with nothing of their own.
    model : LinearMixed
    """

    normalised: Floats
    low: Floats
    high: Floats
    of_rater: Floats
    of_unit: Floats
    of_covariates: Floats
    expected: Floats
    residual: Floats
    z: Floats
    n_of_rater: Ints
    n_of_unit: Ints
    verdict: tuple[Verdict, ...]
    covariates: tuple[str, ...]
    left_out: tuple[str, ...]
    model: LinearMixed


def normalise(
    points: ArrayLike,
    rater: ArrayLike,
    unit: ArrayLike,
    person: ArrayLike,
    period: ArrayLike,
    *,
    covariates: Mapping[str, ArrayLike],
    least: int = LEAST_RATEES,
    outlier: float = OUTLIER,
    confidence: float = 0.95,
) -> NormalisedRatings | Refusal:
    """Return ratings as raters of average severity would have given them in average units.

    Linear mixed model with period and covariates fixed, and rater, unit and (where somebody is
    rated more than once) person random.

    Parameters
    ----------
    points : array_like, shape (n,)
        NaN marks a missing rating.
    rater, unit, person, period : array_like of str, shape (n,)
        An empty unit is a missing one.
    covariates : mapping of str to array_like, shape (n,)
        Numbers, with NaN where missing, or text (its first level in sort order is the base).
    least : int
        Ratings by a rater, and in a unit, within a period, for figures.
    outlier : float
        Residual, in standard deviations, from which on a rating is an outlier.
    confidence : float

    Returns
    -------
    NormalisedRatings or Refusal
        Refused: no or infinite points, one rater, and as `fit_linear` refuses.

    Raises
    ------
    ValueError
        If shapes differ.

    References
    ----------
    Bates et al. 2015 (the model); Hoffman, Lance, Bynum and Gentry, *Personnel Psychology* 63
    (2010) 119-151 (how much of ratings is the rater).
    """
    y = np.asarray(points, dtype=np.float64)
    keys = {
        name: np.asarray(one).astype(str)
        for name, one in (("rater", rater), ("unit", unit), ("person", person), ("period", period))
    }
    given = {name: np.asarray(one) for name, one in covariates.items()}
    if any(one.shape != y.shape for one in (*keys.values(), *given.values())):
        raise ValueError("points, keys and covariates differ in shape")
    refusal = refuse_values(y)
    if refusal is not None:
        return refusal
    there = np.isfinite(y) & (keys["unit"] != "")
    for column in given.values():
        there &= _is_there(column)
    if np.unique(keys["rater"][there]).size < 2:  # noqa: PLR2004 - a rater beside others
        return Refusal(NO_COMPARISON, "there is one rater only")
    table: dict[str, NDArray[np.generic]] = {name: one[there] for name, one in keys.items()}
    matrix, of_name, left_out = _columns(table["period"], {k: v[there] for k, v in given.items()})
    names = [f"covariate_{at}" for at in range(matrix.shape[1])]
    table |= dict(zip(names, matrix.T, strict=True)) | {"points": y[there]}
    terms = ["1", *names, "(1 | rater)", "(1 | unit)"]
    terms += ["period"] if np.unique(table["period"]).size > 1 else []
    terms += ["(1 | person)"] if np.unique(table["person"]).size < there.sum() else []
    if np.unique(table["unit"]).size == 1:
        terms.remove("(1 | unit)")
    model = fit_linear(f"points ~ {' + '.join(terms)}", table)
    if isinstance(model, Refusal):
        return model
    return _result(
        y, keys, there, matrix, model,
        covariates=tuple(dict.fromkeys(of_name)), left_out=left_out,
        least=least, outlier=outlier, confidence=confidence,
    )  # fmt: skip


def _is_there(column: NDArray[np.generic]) -> Bools:
    if column.dtype.kind in "fiu":
        return np.isfinite(column.astype(np.float64))
    return np.asarray(column.astype(str) != "", dtype=np.bool_)


def _columns(
    period: NDArray[np.generic], covariates: Mapping[str, NDArray[np.generic]]
) -> tuple[Floats, list[str], tuple[str, ...]]:
    """Return the covariates' columns about their means, whose each is, and which say nothing."""
    base = (period[:, None] == np.unique(period)).astype(np.float64)
    used = np.empty((period.size, 0))
    of_name: list[str] = []
    left_out: list[str] = []
    for name, column in covariates.items():
        if column.dtype.kind in "fiu":
            own = column.astype(np.float64)[:, None]
        else:
            own = (column[:, None] == np.unique(column)[1:]).astype(np.float64)
        own = own - own.mean(axis=0)
        spread = own.std(axis=0)
        both = np.hstack([base, used, own / np.where(spread > 0, spread, 1)])
        if own.shape[1] == 0 or np.linalg.matrix_rank(both) < both.shape[1]:
            left_out.append(name)
            continue
        used, of_name = np.hstack([used, own]), [*of_name, *[name] * own.shape[1]]
    return used, of_name, tuple(left_out)


def _result(
    y: Floats,
    keys: Mapping[str, NDArray[np.str_]],
    there: Bools,
    matrix: Floats,
    model: LinearMixed,
    *,
    covariates: tuple[str, ...],
    left_out: tuple[str, ...],
    least: int,
    outlier: float,
    confidence: float,
) -> NormalisedRatings:
    def spread_out(values: Floats) -> Floats:
        out = np.full(y.size, np.nan)
        out[there] = values
        return out

    effect, sd = _effects(model, "rater", keys["rater"][there])
    of_unit, _ = _effects(model, "unit", keys["unit"][there])
    at = [place for place, name in enumerate(model.names) if name.startswith("covariate_")]
    of_covariates = matrix @ model.fixed[at]
    own = model.covariance[np.ix_(at, at)]
    error = np.sqrt(sd**2 + np.einsum("ij,jk,ik->i", matrix, own, matrix))
    normalised = y[there] - effect - of_covariates
    reach = float(norm.ppf((1 + confidence) / 2)) * error
    expected = model.fitted_fixed + effect + of_unit
    residual = y[there] - expected
    beside = {"rater", "unit"}
    left = sum(one.value for one in model.components if one.group not in beside)
    z = residual / np.sqrt(left)
    n_of_rater = _counts(keys["rater"], keys["period"], there)
    n_of_unit = _counts(keys["unit"], keys["period"], there)
    separable = _shares(keys, there)
    verdicts: list[Verdict] = []
    spread_z = spread_out(z)
    for place in range(y.size):
        if not there[place]:
            verdicts.append("none")
        elif min(n_of_rater[place], n_of_unit[place]) < least:
            verdicts.append("insufficient")
        elif not separable[place]:
            verdicts.append("not_separable")
        elif abs(spread_z[place]) > outlier:
            verdicts.append("outlier_high" if spread_z[place] > 0 else "outlier_low")
        else:
            verdicts.append("in_line")
    shown = np.array([one in {"outlier_high", "outlier_low", "in_line"} for one in verdicts])

    def where_shown(values: Floats) -> Floats:
        return np.where(shown, spread_out(values), np.nan)

    return NormalisedRatings(
        normalised=where_shown(normalised),
        low=where_shown(normalised - reach),
        high=where_shown(normalised + reach),
        of_rater=where_shown(effect),
        of_unit=where_shown(of_unit),
        of_covariates=where_shown(of_covariates),
        expected=where_shown(expected),
        residual=where_shown(residual),
        z=where_shown(z),
        n_of_rater=n_of_rater,
        n_of_unit=n_of_unit,
        verdict=tuple(verdicts),
        covariates=covariates,
        left_out=left_out,
        model=model,
    )


def _effects(model: LinearMixed, group: str, levels: NDArray[np.str_]) -> tuple[Floats, Floats]:
    for one in model.effects:
        if one.group == group:
            place = np.searchsorted(np.array(one.levels), levels)
            return one.effect[place, 0], one.sd[place, 0]
    return np.zeros(levels.size), np.zeros(levels.size)


def _counts(key: NDArray[np.str_], period: NDArray[np.str_], there: Bools) -> Ints:
    pairs = np.char.add(np.char.add(key, "|"), period)
    _, place = np.unique(pairs, return_inverse=True)
    return np.bincount(place[there], minlength=int(place.max()) + 1)[place]


def _shares(keys: Mapping[str, NDArray[np.str_]], there: Bools) -> Bools:
    """Whether a rater rated in a unit, or a person, that somebody else rated too."""
    _, rater = np.unique(keys["rater"], return_inverse=True)
    shares = np.zeros(int(rater.max()) + 1, dtype=np.bool_)
    for name in ("unit", "person"):
        _, place = np.unique(keys[name], return_inverse=True)
        pairs = np.unique(np.column_stack([place, rater])[there], axis=0)
        several = np.bincount(pairs[:, 0], minlength=int(place.max()) + 1) > 1
        shares[pairs[several[pairs[:, 0]], 1]] = True
    return shares[rater]
