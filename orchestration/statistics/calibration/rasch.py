"""Rasch, partial credit and rating scale models by conditional maximum likelihood.

Given a person's sum score the person drops out of the likelihood, so that items are compared
without a word on how able the persons are. Persons with the lowest or highest score say nothing.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.sparse.csgraph import connected_components

from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    INFINITE_VALUE,
    NO_COMPARISON,
    NOT_CONVERGED,
    SEPARATION,
    TOO_FEW_READINGS,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats, Ints

Model = Literal["RM", "PCM", "RSM"]
MODELS: Final[tuple[Model, ...]] = ("RM", "PCM", "RSM")

_MOST_STEPS: Final = 100
_NEGLIGIBLE: Final = 1e-18
_ROUNDING: Final = 1e-12
# A cumulated easiness beyond this is a likelihood that rises for ever: odds of one to 1e13.
_LARGEST: Final = 30.0


@dataclass(frozen=True)
class RaschModel:
    """Items on one scale with persons.

    Attributes
    ----------
    model : {"RM", "PCM", "RSM"}
    items : ndarray of int, shape (i,)
        Columns that entered; columns that are answered alike by all are left out.
    categories : ndarray of int, shape (i,)
        Highest category of each item, its lowest being 0.
    easiness, se_easiness : ndarray, shape (sum of categories,)
        For each item and category 1, 2, ...: the sum of its step easinesses up to the category, in
        logits. ``RM`` and ``PCM`` sum to zero; in ``RSM`` those of category 1 do, and every item
        adds the same steps.
    parameters, se_parameters : ndarray, shape (p,)
        Free parameters as difficulties (the negative of the easiness): from the second item or
        category on; in ``RSM`` items from the second on, then categories from the second on.
    covariance : ndarray, shape (p, p)
    log_likelihood : float
        Conditional on the sum scores.
    gradient : float
        Largest absolute slope at the estimate.
    persons : int
        Those who answered more than one item and neither all lowest nor all highest.
    """

    model: Model
    items: Ints
    categories: Ints
    easiness: Floats
    se_easiness: Floats
    parameters: Floats
    se_parameters: Floats
    covariance: Floats
    log_likelihood: float
    gradient: float
    persons: int


@dataclass(frozen=True)
class PersonMeasures:
    """Measures of persons who answered every item, by sum score.

    Attributes
    ----------
    measure, standard_error : ndarray, shape (sum of categories + 1,)
        In logits, by maximum likelihood; NaN for the lowest and highest score, which have none.
    """

    measure: Floats
    standard_error: Floats


def rasch_model(answers: ArrayLike, model: Model = "RM") -> RaschModel | Refusal:
    """Return item parameters that do not depend on who answered.

    Parameters
    ----------
    answers : array_like, shape (persons, items)
        Whole categories; NaN marks an answer that is missing. An item's lowest category is 0, or is
        shifted there.
    model : {"RM", "PCM", "RSM"}
        Rasch (two categories), partial credit (each item has steps of its own), rating scale (all
        items have the same steps).

    Returns
    -------
    RaschModel or Refusal
        Refused: infinite or broken answers; fewer than two items that vary; more than two
        categories in ``RM``, different numbers of them in ``RSM``; a category nobody chose; items
        that part the persons perfectly (the likelihood has no maximum).

    Raises
    ------
    ValueError
        If the answers are no matrix or the model is unknown.

    References
    ----------
    Andersen, *Journal of the Royal Statistical Society B* 34 (1972) 42-54; Masters, *Psychometrika*
    47 (1982) 149-174; Andrich, *Psychometrika* 43 (1978) 561-573; Fischer, *Psychometrika* 46
    (1981) 59-77 (existence). Conventions of R's eRm.
    """
    x = np.asarray(answers, dtype=np.float64)
    if x.ndim != 2:  # noqa: PLR2004 - a matrix has two dimensions
        raise ValueError(f"persons by items expected, not an array of shape {x.shape}")
    if model not in MODELS:
        raise ValueError(f"unknown model {model}; known: {', '.join(MODELS)}")
    if np.any(np.isinf(x)):
        return Refusal(INFINITE_VALUE, "an answer is infinite")
    if np.any(np.isfinite(x) & (x != np.round(x))):
        return Refusal(IMPOSSIBLE_VALUE, "an answer is no whole category")
    lowest = np.nanmin(x, axis=0, initial=np.inf)
    highest = np.nanmax(x, axis=0, initial=-np.inf)
    items = np.flatnonzero(highest > lowest)
    if items.size < 2:  # noqa: PLR2004 - one item has nothing to be compared with
        return Refusal(TOO_FEW_READINGS, f"{items.size} items vary, at least 2 are needed")
    x = x[:, items] - lowest[items]
    categories = (highest - lowest)[items].astype(int)
    refusal = _refuse(x, categories, model)
    if refusal is not None:
        return refusal
    patterns = _by_pattern(x, categories)
    design = _design(categories, model)
    found = _maximum(patterns, design)
    if isinstance(found, Refusal):
        return found
    value, gradient, information = _likelihood(patterns, design, found)
    covariance: Floats = np.asarray(np.linalg.inv(information), dtype=np.float64)
    of_easiness = design @ covariance @ design.T
    return RaschModel(
        model=model,
        items=items,
        categories=categories,
        easiness=design @ found,
        se_easiness=np.sqrt(np.diag(of_easiness)),
        parameters=-found,
        se_parameters=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        log_likelihood=value,
        gradient=float(np.abs(gradient).max()),
        persons=sum(int(one.persons.sum()) for one in patterns),
    )


def person_measures(fitted: RaschModel) -> PersonMeasures:
    """Return the measure that belongs to each sum score over all items.

    Parameters
    ----------
    fitted : RaschModel

    Returns
    -------
    PersonMeasures
    """
    blocks = np.split(fitted.easiness, np.cumsum(fitted.categories)[:-1])
    highest = int(fitted.categories.sum())

    def moments(measure: float) -> tuple[float, float]:
        mean = variance = 0.0
        for block in blocks:
            category = np.arange(block.size + 1)
            logits = category * measure + np.append(0.0, block)
            chance = np.exp(logits - logits.max())
            chance /= chance.sum()
            mean += float(chance @ category)
            variance += float(chance @ category**2 - (chance @ category) ** 2)
        return mean, variance

    measure, error = np.full(highest + 1, np.nan), np.full(highest + 1, np.nan)
    for score in range(1, highest):
        found = brentq(lambda theta, at=score: moments(theta)[0] - at, -50.0, 50.0, xtol=1e-12)
        measure[score], error[score] = found, 1 / np.sqrt(moments(found)[1])
    return PersonMeasures(measure, error)


@dataclass(frozen=True)
class _Pattern:
    """Persons who answered the same items.

    ``place`` are the parameters of these items' categories, ``sizes`` how many each item has,
    ``chosen`` how often each category was, ``persons`` how many have each score (0 and full: none).
    """

    place: Ints
    sizes: Ints
    chosen: Floats
    persons: Floats


def _refuse(x: Floats, categories: Ints, model: Model) -> Refusal | None:
    if model == "RM" and np.any(categories > 1):
        return Refusal(IMPOSSIBLE_VALUE, "an item has more than two categories")
    if model == "RSM" and np.any(categories != categories[0]):
        return Refusal(IMPOSSIBLE_VALUE, "items have different numbers of categories")
    for item, (column, most) in enumerate(zip(x.T, categories, strict=True), start=1):
        unused = sorted(set(range(most + 1)) - set(column[np.isfinite(column)].astype(int)))
        if unused and model == "PCM":
            return Refusal(SEPARATION, f"item {item}: nobody chose category {unused[0]}")
    if model != "RM":
        return None
    # Fischer's condition: from every item one comes to every other along persons who did better on
    # the one than on the other.
    better = np.array([[np.any(a > b) for b in x.T] for a in x.T])
    if connected_components(better, connection="strong", return_labels=False) > 1:
        return Refusal(SEPARATION, "some items are answered better than others by every person")
    return None


def _by_pattern(x: Floats, categories: Ints) -> list[_Pattern]:
    starts = np.concatenate([[0], np.cumsum(categories)])
    found = []
    for answered in np.unique(np.isfinite(x), axis=0):
        same = np.all(np.isfinite(x) == answered, axis=1)
        sizes = categories[answered]
        full = int(sizes.sum())
        own = x[same][:, answered].astype(int)
        score = own.sum(axis=1)
        inner = (score > 0) & (score < full) & (sizes.size > 1)
        if not inner.any():
            continue
        at = [
            np.arange(a, b)
            for a, b, used in zip(starts, starts[1:], answered, strict=False)
            if used
        ]
        chosen = [
            np.count_nonzero(own[inner, item] == category)
            for item, size in enumerate(sizes)
            for category in range(1, size + 1)
        ]
        persons = np.bincount(score[inner], minlength=full + 1).astype(float)
        found.append(_Pattern(np.concatenate(at), sizes, np.array(chosen, dtype=float), persons))
    return found


def _design(categories: Ints, model: Model) -> Floats:
    """Easiness of item categories by free parameters."""
    total = int(categories.sum())
    if model != "RSM":
        return np.vstack([np.full(total - 1, -1.0), np.eye(total - 1)])
    items, steps = categories.size, int(categories[0])
    step = np.arange(1, steps + 1)
    item = np.vstack([np.full(items - 1, -1.0), np.eye(items - 1)])
    category = np.vstack([np.zeros(steps - 1), np.eye(steps - 1)])
    return np.hstack([np.kron(item, step[:, None]), np.tile(category, (items, 1))])


def _maximum(patterns: list[_Pattern], design: Floats) -> Floats | Refusal:
    """Newton's steps on a concave function, halved until it rises."""
    theta = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        value, gradient, information = _likelihood(patterns, design, theta)
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        if gradient @ step <= _NEGLIGIBLE * max(1.0, abs(value)):
            if np.linalg.matrix_rank(information) < theta.size:
                return Refusal(NO_COMPARISON, "no answers bring some items and the others together")
            return np.asarray(theta + step)
        size = 1.0
        while _value(patterns, design @ (theta + size * step)) < value - _ROUNDING * abs(value):
            size /= 2
            if size < np.finfo(np.float64).eps:
                return Refusal(NOT_CONVERGED, "the likelihood's maximum was not reached")
        theta = theta + size * step
        if np.abs(design @ theta).max() > _LARGEST * design.max():
            return Refusal(SEPARATION, "the answers part items or categories perfectly")
    return Refusal(NOT_CONVERGED, "the likelihood's maximum was not reached")


def _value(patterns: list[_Pattern], easiness: Floats) -> float:
    total = 0.0
    for one in patterns:
        beta = easiness[one.place]
        gamma = _product(_weights(beta, one.sizes))
        total += float(one.chosen @ beta - one.persons @ np.log(gamma))
    return total


def _likelihood(
    patterns: list[_Pattern], design: Floats, theta: Floats
) -> tuple[float, Floats, Floats]:
    easiness = design @ theta
    gradient, information = np.zeros(easiness.size), np.zeros((easiness.size, easiness.size))
    for one in patterns:
        chance, joint = _chances(easiness[one.place], one.sizes)
        expected = chance @ one.persons
        gradient[one.place] += one.chosen - expected
        spread = joint @ one.persons - (chance * one.persons) @ chance.T
        information[np.ix_(one.place, one.place)] += spread
    value = _value(patterns, easiness)
    return value, design.T @ gradient, design.T @ information @ design


def _chances(beta: Floats, sizes: Ints) -> tuple[Floats, Floats]:
    """Chance of each category, and of each two of them, given every score.

    Shapes (categories, scores) and (categories, categories, scores). Products of the other items
    are built by multiplying, never by dividing an item out, which cancels.
    """
    weights = _weights(beta, sizes)
    gamma = _product(weights)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    chance = np.zeros((beta.size, gamma.size))
    joint = np.zeros((beta.size, beta.size, gamma.size))
    for first, without in enumerate(_without_each(weights)):
        others = [*weights[:first], *weights[first + 1 :]]
        for up in range(1, sizes[first] + 1):
            row = starts[first] + up - 1
            chance[row, up : up + without.size] = weights[first][up] * without
            joint[row, row] = chance[row]
        for place, rest in enumerate(_without_each(others)):
            second = place + (place >= first)
            if second < first:
                continue
            pair = np.multiply.outer(weights[first][1:], weights[second][1:])
            for up in range(1, sizes[first] + 1):
                for over in range(1, sizes[second] + 1):
                    row, column = starts[first] + up - 1, starts[second] + over - 1
                    reach = slice(up + over, up + over + rest.size)
                    joint[row, column, reach] = pair[up - 1, over - 1] * rest
                    joint[column, row] = joint[row, column]
    return chance / gamma, joint / gamma


def _weights(beta: Floats, sizes: Ints) -> list[Floats]:
    return [np.append(1.0, np.exp(block)) for block in np.split(beta, np.cumsum(sizes)[:-1])]


def _product(weights: list[Floats]) -> Floats:
    """Elementary symmetric functions: the coefficients of the product of the items' polynomials."""
    gamma = np.ones(1)
    for one in weights:
        gamma = np.convolve(gamma, one)
    return gamma


def _without_each(weights: list[Floats]) -> list[Floats]:
    """Return the product of all but one, for each: those before times those after."""
    before, after = [np.ones(1)], [np.ones(1)]
    for one, back in zip(weights, weights[::-1], strict=True):
        before.append(np.convolve(before[-1], one))
        after.append(np.convolve(after[-1], back))
    return [np.convolve(before[at], after[len(weights) - 1 - at]) for at in range(len(weights))]
