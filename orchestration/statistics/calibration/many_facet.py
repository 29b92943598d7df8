"""Many-facet Rasch measurement: whom is rated, on what, by whom, on one scale of logits.

Odds of one category more rise with the measure of the person rated and fall with the difficulty of
the item and the severity of the rater. All are fixed and estimated together by joint maximum
likelihood, as Linacre has it. Joint estimates lie too far out where an element has few ratings (by
about L / (L - 1) with L elements in the smallest other facet); marginal likelihood would avoid it
at the price of a distribution of persons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.statistics.refusal import (
    IMPOSSIBLE_VALUE,
    INFINITE_VALUE,
    NO_VALUE,
    NO_VARIATION,
    NOT_CONVERGED,
    SEPARATION,
    Refusal,
)
from orchestration.statistics.spc.flat import Bools, Floats, Ints

EXTREME_ADJUSTMENT: Final = 0.3
"""Score points that an extreme score is moved inwards, so that it has a measure (Facets)."""

_MOST_STEPS: Final = 100
_NEGLIGIBLE: Final = 1e-18
_ROUNDING: Final = 1e-9
# Logits beyond which a likelihood rises for ever.
_LARGEST: Final = 40.0

MOST_CATEGORIES: Final = 1000
"""Of one scale; each is a parameter, and one slip of the pen would make millions."""


@dataclass(frozen=True)
class FacetMeasures:
    """The elements of one facet; arrays have one entry per element.

    Attributes
    ----------
    elements : ndarray of str, shape (k,)
        In sort order.
    measure : ndarray
        Logits: ability in the first facet; difficulty or severity in the others, which have the
        mean 0 over the elements that are not extreme. NaN outside the largest subset.
    standard_error : ndarray
        From the whole information matrix, the other parameters estimated too; of an extreme
        element with the others taken as known.
    infit, outfit : ndarray
        Mean squares of residuals, weighted by information and plain: 1 as the model has it, above
        it noise, below it too smooth. NaN for extreme elements.
    n : ndarray of int
        Ratings.
    is_extreme : ndarray of bool
        Rated lowest or highest throughout: the measure is that of a score 0.3 points inside.
    subset : ndarray of int
        Elements of different subsets cannot be compared; 0 is the subset with the most ratings, and
        -1 stands for extreme elements, which link nothing.
    spread : float
        Standard deviation of the measures without their error, at least 0.
    reliability : float
        Share of the variance of measures that is not error: 0 says that elements do not differ
        more than chance has them differ. NaN with fewer than two elements.
    """

    elements: NDArray[np.str_]
    measure: Floats
    standard_error: Floats
    infit: Floats
    outfit: Floats
    n: Ints
    is_extreme: Bools
    subset: Ints
    spread: float
    reliability: float


@dataclass(frozen=True)
class ManyFacet:
    """Facets on one scale.

    Attributes
    ----------
    facets : mapping of str to FacetMeasures
    thresholds : mapping of str to ndarray
        Step difficulties of each group of ratings that shares a scale (one group ``*``, or one per
        element of the facet with steps of its own); each sums to 0.
    lowest : mapping of str to int
        Score of the lowest category of each group.
    log_likelihood, gradient : float
        At the estimate, and the largest absolute slope there.
    n : int
        Ratings that entered.
    subsets : int
        1 where everybody can be compared with everybody.
    """

    facets: Mapping[str, FacetMeasures]
    thresholds: Mapping[str, Floats]
    lowest: Mapping[str, int]
    log_likelihood: float
    gradient: float
    n: int
    subsets: int


def many_facet(
    scores: ArrayLike, facets: Mapping[str, ArrayLike], *, steps_of: str | None = None
) -> ManyFacet | Refusal:
    """Return measures of all elements of all facets.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Whole categories; NaN marks a missing rating, which is left out.
    facets : mapping of str to array_like of str, shape (n,)
        Two or more. The first is whom is measured: more of it is a higher score. More of any other
        (difficulty, severity) is a lower one.
    steps_of : str, optional
        Facet whose elements each have steps of their own (partial credit). Default: one rating
        scale for all.

    Returns
    -------
    ManyFacet or Refusal
        Refused: no ratings, infinite or broken ones; scores that do not vary; a category within the
        scale that nobody chose; answers that part elements perfectly. Where no rating links two
        sets of elements the largest set alone is measured, and the others are named by `subset`.

    Raises
    ------
    ValueError
        If shapes differ, there are fewer than two facets, or `steps_of` is none of them.

    References
    ----------
    Linacre, *Many-Facet Rasch Measurement* (1989, 1994); Wright and Masters, *Rating Scale
    Analysis* (1982) (fit, joint likelihood); Andrich, *Psychometrika* 43 (1978) and Masters,
    *Psychometrika* 47 (1982) (steps). Subsets are told by which differences the design can
    estimate, which is exact; Facets finds them step by step (Weeks and Williams 1964).
    """
    x = np.asarray(scores, dtype=np.float64)
    labels = {name: np.asarray(one).astype(str) for name, one in facets.items()}
    if x.ndim != 1 or any(one.shape != x.shape for one in labels.values()):
        raise ValueError("one score and one element of each facet per rating expected")
    if len(labels) < 2:  # noqa: PLR2004 - whom, and on what or by whom
        raise ValueError("two facets at least: whom is measured, and on what or by whom")
    if steps_of is not None and steps_of not in labels:
        raise ValueError(f"{steps_of} is no facet: {', '.join(labels)}")
    if np.any(np.isinf(x)):
        return Refusal(INFINITE_VALUE, "a score is infinite")
    there = np.isfinite(x)
    if not there.any():
        return Refusal(NO_VALUE, "there is no score at all")
    if np.any(x[there] != np.round(x[there])) or np.ptp(x[there]) >= MOST_CATEGORIES:
        detail = f"a score is no whole category, or one of {MOST_CATEGORIES} beyond another"
        return Refusal(IMPOSSIBLE_VALUE, detail)
    ratings = _Ratings.of(x[there], {name: one[there] for name, one in labels.items()}, steps_of)
    used = _without_extremes(ratings)
    if used is None:
        return Refusal(NO_VARIATION, "no element has both higher and lower scores than the extreme")
    subset = _subsets(ratings, used)
    count = max(int(one.max()) for one in subset.values()) + 1
    kept = used & np.all([subset[name][at] == 0 for name, at in ratings.at.items()], axis=0)
    found = _Fit.of(ratings, kept)
    if isinstance(found, Refusal):
        return found
    return found.result(used, subset, count)


@dataclass(frozen=True)
class _Ratings:
    """Ratings by the positions of their elements; ``group`` says whose steps they have."""

    score: Ints
    names: Mapping[str, NDArray[np.str_]]
    at: Mapping[str, Ints]
    group: Ints
    groups: tuple[str, ...]

    @staticmethod
    def of(x: Floats, labels: Mapping[str, NDArray[np.str_]], steps_of: str | None) -> "_Ratings":
        coded = {name: np.unique(one, return_inverse=True) for name, one in labels.items()}
        names = {name: found for name, (found, _) in coded.items()}
        at = {name: place for name, (_, place) in coded.items()}
        group = np.zeros(x.size, dtype=np.intp) if steps_of is None else at[steps_of]
        groups = ("*",) if steps_of is None else tuple(names[steps_of].tolist())
        return _Ratings(x.astype(np.int64), names, at, group, groups)

    def ends(self, used: Bools) -> tuple[Ints, Ints]:
        """Return the lowest and highest score of each group; of an empty one, 0 and 0."""
        low = np.full(len(self.groups), np.iinfo(np.int64).max)
        high = np.full(len(self.groups), np.iinfo(np.int64).min)
        np.minimum.at(low, self.group[used], self.score[used])
        np.maximum.at(high, self.group[used], self.score[used])
        empty = low > high
        return np.where(empty, 0, low), np.where(empty, 0, high)


def _without_extremes(ratings: _Ratings) -> Bools | None:
    """Return the ratings that are left when elements at an end of the scale throughout are out."""
    used = np.ones(ratings.score.size, dtype=np.bool_)
    while True:
        low, high = ratings.ends(used)
        before = np.count_nonzero(used)
        at_low = ratings.score == low[ratings.group]
        at_high = ratings.score == high[ratings.group]
        for name, at in ratings.at.items():
            k = ratings.names[name].size
            n = np.bincount(at[used], minlength=k)
            is_extreme = (np.bincount(at[used & at_low], minlength=k) == n) | (
                np.bincount(at[used & at_high], minlength=k) == n
            )
            used = used & ~is_extreme[at]
        if not used.any():
            return None
        if np.count_nonzero(used) == before:
            return used


def _subsets(ratings: _Ratings, used: Bools) -> dict[str, Ints]:
    """Return the subset of each element: 0 the one with the most ratings, -1 without any.

    Within the ratings at hand two elements of a facet are comparable if no shift of measures that
    leaves all predictions as they are parts them. The largest block of ratings is looked at again
    by itself, as what tied it together may lie in another block.
    """
    subset = {name: np.full(one.size, -1) for name, one in ratings.names.items()}
    left, number = used.copy(), 0
    while left.any():
        block = left
        while True:
            classes = _classes(ratings, block)
            rows = np.column_stack([classes[name][at] for name, at in ratings.at.items()])
            _, kind, sizes = np.unique(rows[block], axis=0, return_inverse=True, return_counts=True)
            if sizes.size == 1:
                break
            inside = np.zeros_like(block)
            inside[np.flatnonzero(block)[kind.ravel() == int(np.argmax(sizes))]] = True
            block = inside
        for name, at in ratings.at.items():
            mine = np.unique(at[block])
            subset[name][mine] = np.where(subset[name][mine] < 0, number, subset[name][mine])
        left, number = left & ~block, number + 1
    return subset


def _classes(ratings: _Ratings, used: Bools) -> dict[str, Ints]:
    """Return for each facet which of its elements can be compared with each other."""
    names = list(ratings.names)
    large = max(names, key=lambda name: ratings.names[name].size)
    rest = [name for name in names if name != large]
    offsets = np.cumsum([0, *(ratings.names[name].size for name in rest)])
    k = ratings.names[large].size
    crossed = np.zeros((k, offsets[-1]))
    gram = np.zeros((offsets[-1], offsets[-1]))
    places = [ratings.at[name][used] + start for name, start in zip(rest, offsets, strict=False)]
    here = ratings.at[large][used]
    for mine in places:
        np.add.at(crossed, (here, mine), 1.0)
        for other in places:
            np.add.at(gram, (mine, other), 1.0)
    size = np.maximum(np.bincount(here, minlength=k), 1)
    seen = np.diag(gram) > 0
    reduced = gram - crossed.T @ (crossed / size[:, None])
    value, vector = np.linalg.eigh(reduced[np.ix_(seen, seen)])
    null = np.zeros((offsets[-1], int(np.count_nonzero(value < _ROUNDING * max(value[-1], 1.0)))))
    null[seen] = vector[:, : null.shape[1]]
    # A shift of the others that nobody sees is made up for by one of the elements swept out.
    swept = -crossed @ null / size[:, None]
    found = {large: _alike(swept)}
    for name, start, end in zip(rest, offsets, offsets[1:], strict=False):
        found[name] = _alike(null[start:end])
    return found


def _alike(shifts: Floats) -> Ints:
    """Return the number of each row, the same for rows that are equal but for rounding."""
    if shifts.shape[1] == 0:
        return np.zeros(shifts.shape[0], dtype=np.intp)
    _, number = np.unique(np.round(shifts, 6) + 0.0, axis=0, return_inverse=True)
    return np.asarray(number.ravel(), dtype=np.intp)


@dataclass(frozen=True)
class _Fit:
    """The maximum of the joint likelihood over connected ratings.

    The facet with the most elements is eliminated from each of Newton's steps, as no rating has
    two of its elements: the rest is small.
    """

    ratings: _Ratings
    kept: Bools
    low: Ints
    steps: Ints
    measures: dict[str, Floats]
    steepness: Floats = field(repr=False)
    variances: dict[str, Floats]
    value: float
    gradient: float

    @staticmethod
    def of(ratings: _Ratings, kept: Bools) -> "_Fit | Refusal":
        low, high = ratings.ends(kept)
        steps = high - low
        for place, group in enumerate(ratings.groups):
            mine = kept & (ratings.group == place)
            missing = sorted(
                set(range(int(low[place]), int(high[place]) + 1))
                - set(ratings.score[mine].tolist())
            )
            if mine.any() and missing:
                of = "" if group == "*" else f" on {group}"
                return Refusal(SEPARATION, f"nobody chose category {missing[0]}{of}")
        problem = _Problem.of(ratings, kept, low, steps)
        found = problem.maximise()
        if isinstance(found, Refusal):
            return found
        fit = _Fit(ratings, kept, low, steps, *found)
        # Where the likelihood is flat but for rounding, its curvature is rounding too.
        if any(np.any(variance < 0) for variance in fit.variances.values()):
            return Refusal(SEPARATION, "the ratings part elements or categories perfectly")
        return fit

    def result(self, used: Bools, subset: Mapping[str, Ints], count: int) -> ManyFacet:
        cumulated = self.steepness
        facets = {
            name: self._facet(name, used, subset[name], is_first=place == 0)
            for place, name in enumerate(self.ratings.names)
        }
        present = np.bincount(self.ratings.group[self.kept], minlength=len(self.ratings.groups)) > 0
        return ManyFacet(
            facets=facets,
            thresholds={
                group: np.diff(cumulated[place, : self.steps[place] + 1])
                for place, group in enumerate(self.ratings.groups)
                if present[place]
            },
            lowest={
                group: int(self.low[place])
                for place, group in enumerate(self.ratings.groups)
                if present[place]
            },
            log_likelihood=self.value,
            gradient=self.gradient,
            n=int(np.count_nonzero(self.kept)),
            subsets=count,
        )

    def _facet(self, name: str, used: Bools, subset: Ints, *, is_first: bool) -> FacetMeasures:
        at, k = self.ratings.at[name], self.ratings.names[name].size
        measure, variance = self.measures[name].copy(), self.variances[name].copy()
        group = self.ratings.group
        mean, spread = moments(self._predictor(), self.steepness[group], self.steps[group])
        residual = self.ratings.score - self.low[group] - mean
        rows = self.kept
        n = np.bincount(at[rows], minlength=k)
        with np.errstate(invalid="ignore", divide="ignore"):
            outfit = np.bincount(at[rows], (residual**2 / spread)[rows], k) / n
            infit = np.bincount(at[rows], residual[rows] ** 2, k) / np.bincount(
                at[rows], spread[rows], k
            )
        is_extreme = np.bincount(at[used], minlength=k) == 0
        fitted = n > 0
        of_fitted = measure[fitted]
        error = float(variance[fitted].mean())
        observed = float(of_fitted.var(ddof=1)) if of_fitted.size > 1 else np.nan
        for element in np.flatnonzero(is_extreme):
            measure[element], variance[element] = self._extreme(
                at == element, 1.0 if is_first else -1.0
            )
        return FacetMeasures(
            elements=self.ratings.names[name],
            measure=measure,
            standard_error=np.sqrt(variance),
            infit=infit,
            outfit=outfit,
            n=np.bincount(at, minlength=k),
            is_extreme=is_extreme,
            subset=subset,
            spread=float(np.sqrt(max(observed - error, 0.0))) if of_fitted.size > 1 else np.nan,
            reliability=max(1 - error / observed, 0.0) if observed > 0 else np.nan,
        )

    def _predictor(self) -> Floats:
        """Return measure less difficulties of every rating; NaN where one of them has none."""
        total = np.zeros(self.ratings.score.size)
        for place, (name, at) in enumerate(self.ratings.at.items()):
            total = total + (1 if place == 0 else -1) * self.measures[name][at]
        return total

    def _extreme(self, mine: Bools, sign: float) -> tuple[float, float]:
        """Return the measure of a score moved inwards, and its variance; NaN without any link."""
        without = np.zeros(int(mine.sum()))
        for place, (name, at) in enumerate(self.ratings.at.items()):
            own = self.measures[name][at[mine]]
            without = without + np.where(np.isnan(own) & _is_one(at[mine]), 0, own) * (
                1 if place == 0 else -1
            )
        group = self.ratings.group[mine]
        known = np.isfinite(without) & (self.steps[group] > 0)
        if not known.any():
            return np.nan, np.nan
        group, without = group[known], without[known]
        top = self.steps[group]
        got = np.clip(self.ratings.score[mine][known] - self.low[group], 0, top).sum()
        wanted = np.clip(got, EXTREME_ADJUSTMENT, top.sum() - EXTREME_ADJUSTMENT)
        low, high = -_LARGEST, _LARGEST
        for _ in range(_MOST_STEPS):
            middle = (low + high) / 2
            mean, spread = moments(middle + without, self.steepness[group], top)
            low, high = (middle, high) if mean.sum() < wanted else (low, middle)
        return sign * middle, float(1 / spread.sum())


def _is_one(at: Ints) -> bool:
    return bool(np.unique(at).size == 1)


def _chances(predictor: Floats, steepness: Floats, steps: Ints) -> Floats:
    """Return the chance of each category, shape (n, most steps + 1)."""
    category = np.arange(steepness.shape[1])
    logits = predictor[:, None] * category - steepness
    logits = np.where(category <= steps[:, None], logits, -np.inf)
    logits = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(logits / logits.sum(axis=1, keepdims=True))


def moments(predictor: Floats, steepness: Floats, steps: Ints) -> tuple[Floats, Floats]:
    """Return expectation and variance of each rating, counted from its lowest category."""
    chance = _chances(predictor, steepness, steps)
    category = np.arange(chance.shape[1])
    mean = chance @ category
    return mean, chance @ category**2 - mean**2


@dataclass(frozen=True)
class _Problem:
    """What is maximised.

    Parameters are all elements of ``large``; then the other facets' (the first element of each is
    held at 0 until the end) and the cumulated steps between the first and the last.
    """

    ratings: _Ratings
    kept: Bools
    steps: Ints
    x: Ints
    large: str
    here: Ints
    sign: float
    places: tuple[Ints, ...]
    signs: tuple[float, ...]
    free: Bools
    owner: Ints
    of_step: Ints

    @staticmethod
    def of(ratings: _Ratings, kept: Bools, low: Ints, steps: Ints) -> "_Problem":
        names = list(ratings.names)
        large = max(names, key=lambda name: ratings.names[name].size)
        rest = [name for name in names if name != large]
        offsets = np.cumsum([0, *(ratings.names[name].size for name in rest)])
        places = tuple(
            ratings.at[name][kept] + start for name, start in zip(rest, offsets, strict=False)
        )
        pairs = [(g, k) for g, most in enumerate(steps.tolist()) for k in range(1, most)]
        free = np.zeros(offsets[-1] + len(pairs), dtype=np.bool_)
        for place in places:
            free[np.unique(place)[1:]] = True
        free[offsets[-1] :] = True
        return _Problem(
            ratings=ratings,
            kept=kept,
            steps=steps,
            x=ratings.score[kept] - low[ratings.group[kept]],
            large=large,
            here=ratings.at[large][kept],
            sign=1.0 if large == names[0] else -1.0,
            places=places,
            signs=tuple(1.0 if name == names[0] else -1.0 for name in rest),
            free=free,
            owner=np.array([g for g, _ in pairs], dtype=np.intp),
            of_step=np.array([k for _, k in pairs], dtype=np.intp),
        )

    def maximise(
        self,
    ) -> tuple[dict[str, Floats], Floats, dict[str, Floats], float, float] | Refusal:
        """Newton's steps on a concave function, halved until it rises."""
        first = np.zeros(self.ratings.names[self.large].size)
        second = np.zeros(self.free.size)
        value = self._value(first, second)
        for _ in range(_MOST_STEPS):
            slope_1, slope_2, diagonal, cross, reduced = self._derivatives(first, second)
            there = diagonal > 0
            inverse = np.where(there, 1 / np.where(there, diagonal, 1), 0)
            right = slope_2 - cross.T @ (inverse * slope_1)
            step_2 = np.zeros_like(second)
            try:
                step_2[self.free] = np.linalg.solve(
                    reduced[np.ix_(self.free, self.free)], right[self.free]
                )
            except np.linalg.LinAlgError:
                return Refusal(SEPARATION, "the ratings part elements or categories perfectly")
            step_1 = inverse * (slope_1 - cross @ step_2)
            rise = float(slope_1 @ step_1 + slope_2 @ step_2)
            size = 1.0
            if rise > _NEGLIGIBLE * max(1.0, abs(value)):
                while (
                    risen := self._value(first + size * step_1, second + size * step_2)
                ) < value - 1e-12 * abs(value):
                    size /= 2
                    if size < np.finfo(np.float64).eps:
                        return Refusal(NOT_CONVERGED, "the maximum was not reached")
                first, second, value = first + size * step_1, second + size * step_2, risen
                if max(np.abs(first).max(), np.abs(second).max()) > _LARGEST:
                    return Refusal(SEPARATION, "the ratings part elements or categories perfectly")
                continue
            return self._measured(first, second, value)
        return Refusal(NOT_CONVERGED, "the maximum was not reached")

    def _table(self, second: Floats) -> Floats:
        """Cumulated step difficulties by group and category; the last one of a group is 0."""
        table = np.zeros((self.steps.size, int(self.steps.max()) + 1))
        table[self.owner, self.of_step] = second[second.size - self.owner.size :]
        return table

    def _predictor(self, first: Floats, second: Floats) -> Floats:
        total = self.sign * first[self.here]
        for place, sign in zip(self.places, self.signs, strict=True):
            total = total + sign * second[place]
        return total

    def _value(self, first: Floats, second: Floats) -> float:
        group = self.ratings.group[self.kept]
        chance = _chances(
            self._predictor(first, second), self._table(second)[group], self.steps[group]
        )
        return float(np.log(chance[np.arange(self.x.size), self.x]).sum())

    def _derivatives(
        self, first: Floats, second: Floats
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        group = self.ratings.group[self.kept]
        chance = _chances(
            self._predictor(first, second), self._table(second)[group], self.steps[group]
        )
        category = np.arange(chance.shape[1])
        mean = chance @ category
        spread = chance @ category**2 - mean**2
        residual = self.x - mean
        k, b = first.size, second.size
        slope_1 = np.asarray(self.sign * np.bincount(self.here, residual, k), dtype=np.float64)
        diagonal = np.asarray(np.bincount(self.here, spread, k), dtype=np.float64)
        slope_2, cross, inner = np.zeros(b), np.zeros((k, b)), np.zeros((b, b))
        for place, sign in zip(self.places, self.signs, strict=True):
            slope_2 += sign * np.bincount(place, residual, b)
            np.add.at(cross, (self.here, place), self.sign * sign * spread)
            for other, sign_2 in zip(self.places, self.signs, strict=True):
                np.add.at(inner, (place, other), sign * sign_2 * spread)
        base = b - self.owner.size
        for step, (owner, up) in enumerate(zip(self.owner, self.of_step, strict=True)):
            mine, at = group == owner, base + step
            rows = np.flatnonzero(mine)
            own = chance[rows, up]
            slope_2[at] = own.sum() - np.count_nonzero(self.x[rows] == up)
            with_predictor = -own * (up - mean[rows])
            cross[:, at] = self.sign * np.bincount(self.here[rows], with_predictor, k)
            for place, sign in zip(self.places, self.signs, strict=True):
                column = sign * np.bincount(place[rows], with_predictor, b)
                inner[:, at] += column
                inner[at, :] += column
            for step_2 in np.flatnonzero(self.owner == owner):
                other = chance[rows, self.of_step[step_2]]
                inner[at, base + step_2] = (own * ((step == step_2) - other)).sum()
        there = diagonal > 0
        inverse = np.where(there, 1 / np.where(there, diagonal, 1), 0)
        reduced = inner - cross.T @ (inverse[:, None] * cross)
        return slope_1, slope_2, diagonal, cross, reduced

    def _measured(
        self, first: Floats, second: Floats, value: float
    ) -> tuple[dict[str, Floats], Floats, dict[str, Floats], float, float]:
        """Centre all facets but the first, and carry the centring into the variances."""
        slope_1, slope_2, diagonal, cross, reduced = self._derivatives(first, second)
        there = diagonal > 0
        inverse = np.where(there, 1 / np.where(there, diagonal, 1), 0)
        covariance = np.zeros_like(reduced)
        covariance[np.ix_(self.free, self.free)] = np.linalg.inv(
            reduced[np.ix_(self.free, self.free)]
        )
        carried = inverse[:, None] * cross
        names = list(self.ratings.names)
        sizes = {name: self.ratings.names[name].size for name in names}
        rest = [name for name in names if name != self.large]
        starts = dict(zip(rest, np.cumsum([0, *(sizes[name] for name in rest)]), strict=False))
        present = {
            name: np.bincount(self.ratings.at[name][self.kept], minlength=sizes[name]) > 0
            for name in names
        }
        measures, variances = {}, {}
        for place, name in enumerate(names):
            # A measure is an element's own parameter less the mean of its facet; in the first
            # facet, less those of all others.
            mean_1, mean_2 = np.zeros(first.size), np.zeros(second.size)
            for other in names[1:] if place == 0 else [name]:
                share = present[other] / present[other].sum()
                if other == self.large:
                    mean_1 += share
                else:
                    mean_2[starts[other] : starts[other] + sizes[other]] += share
            if name == self.large:
                own = np.zeros((sizes[name], second.size))
                reach = own - mean_2 - (carried - mean_1 @ carried)
                variance = inverse * (1 - 2 * mean_1) + mean_1**2 @ inverse
                measure = first - mean_1 @ first - mean_2 @ second
            else:
                own = np.eye(second.size)[starts[name] : starts[name] + sizes[name]]
                reach = own - mean_2 + mean_1 @ carried
                variance = mean_1**2 @ inverse
                measure = own @ second - mean_1 @ first - mean_2 @ second
            variance = variance + np.einsum("ij,jk,ik->i", reach, covariance, reach)
            measures[name] = np.where(present[name], measure, np.nan)
            variances[name] = np.where(present[name], variance, np.nan)
        slope = float(max(np.abs(slope_1).max(), np.abs(slope_2[self.free]).max(initial=0.0)))
        return measures, self._table(second), variances, value, slope
