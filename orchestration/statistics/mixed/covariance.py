"""Parameters of the random effects: templates of Lambda, and what is reported of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.mixed.formula import Group
from orchestration.statistics.refusal import SINGULAR_COVARIANCE, Refusal
from orchestration.statistics.spc.flat import Floats

# Smallest relative sd while searching: there the log-likelihood is that of 0 within 1e-8 and
# derivatives, which divide by it, still exist.
SMALLEST: Final = 1e-6
# Below this relative sd (or conditional sd within a term), a fit is called singular, as in lme4.
SINGULAR: Final = 1e-4
_NEAR_BOUNDARY: Final = 1e-3
_LIFTED: Final = 0.3


@dataclass(frozen=True)
class VarianceComponent:
    """A variance, or a covariance where `second` is named.

    Attributes
    ----------
    group : str
        Grouping factor; `Residual`.
    first, second : str or None
        Coefficients.
    value : float
        Variance or covariance.
    sd_or_correlation : float
        Correlation where `second` is named; NaN where a variance is 0.
    """

    group: str
    first: str | None
    second: str | None
    value: float
    sd_or_correlation: float


@dataclass(frozen=True)
class GroupEffects:
    """Predicted effects of the levels of one grouping factor.

    Attributes
    ----------
    group : str
    levels : tuple of str, length m
        In order of id.
    coefficients : tuple of str, length p
    n : ndarray of int, shape (m,)
        Rows of each level.
    effect : ndarray, shape (m, p)
        Conditional modes, in units of the linear predictor.
    sd_given_fixed : ndarray, shape (m, p)
        Conditional sd, the fixed effects taken as known (lme4's `condVar`).
    sd : ndarray, shape (m, p)
        Prediction error with the uncertainty of the fixed effects.
    reliability : ndarray, shape (m,)
        tau2 / (tau2 + residual variance / n) of the intercept; NaN without one, or where the
        model has no residual variance.
    """

    group: str
    levels: tuple[str, ...]
    coefficients: tuple[str, ...]
    n: Floats
    effect: Floats
    sd_given_fixed: Floats
    sd: Floats
    reliability: Floats


def conditioned(groups: Sequence[Group]) -> tuple[tuple[Group, ...], list[Floats]] | Refusal:
    """Return groups whose random columns are orthogonal within each term, and the ways back.

    An age between 20 and 60 beside an intercept makes variances that nearly follow from each
    other, and a search that creeps. Z = Q L with L lower triangular keeps the template lower
    triangular: T = L^-1 T'.
    """
    found, ways = [], []
    for group in groups:
        design, back = group.design.copy(), np.eye(group.design.shape[1])
        size = np.sqrt(group.design.shape[0])
        for block in group.blocks:
            columns = list(block)
            if len(columns) == 1 and (design[:, columns] == 1).all():
                continue
            # QL is QR with the columns, and then the result, in reverse.
            basis, triangle = np.linalg.qr(design[:, columns[::-1]])
            signs = np.where(np.diagonal(triangle) < 0, -1.0, 1.0)
            lower = (signs[:, None] * triangle)[::-1, ::-1] / size
            of_columns = np.linalg.norm(design[:, columns], axis=0) / size
            if (np.diagonal(lower) <= 1e-9 * of_columns).any():
                return Refusal(
                    SINGULAR_COVARIANCE,
                    f"the coefficients that vary by {group.name} cannot be told apart",
                )
            design[:, columns] = (basis * signs)[:, ::-1] * size
            back[np.ix_(columns, columns)] = np.linalg.inv(lower)
        found.append(replace(group, design=design))
        ways.append(back)
    return tuple(found), ways


class Parameters:
    """The vector of parameters: per random term the lower triangle of its block, by column.

    Parameters
    ----------
    groups : sequence of Group
        With conditioned columns.
    back : sequence of ndarray, shape (p, p)
        Per factor the lower triangle that leads back to the columns as given.
    """

    def __init__(self, groups: Sequence[Group], back: Sequence[Floats]) -> None:
        self.groups = tuple(groups)
        self.back = tuple(back)
        self.places: list[tuple[int, int, int]] = []
        for at, group in enumerate(groups):
            for block in group.blocks:
                for number, column in enumerate(block):
                    self.places += [(at, row, column) for row in block[number:]]
        self.on_diagonal = np.array([row == column for _, row, column in self.places])
        self.start = self.on_diagonal.astype(np.float64)

    def inside(self, theta: Floats) -> Floats:
        """Return parameters at which derivatives exist: sd at 0 are moved to nearly 0."""
        nil = self.on_diagonal & (np.abs(theta) < SMALLEST)
        return np.where(nil, np.where(theta < 0, -SMALLEST, SMALLEST), theta)

    def upright(self, theta: Floats) -> Floats:
        """Return the parameters of the same covariances with sd that are not negative."""
        turned = [
            template * np.where(np.diagonal(template) < 0, -1.0, 1.0)
            for template in self.templates(theta)
        ]
        return self.gather(turned)

    def curvature(self, theta: Floats, own: Sequence[Floats]) -> Floats:
        """Return rough second derivatives of the deviance, from the posterior variances.

        A relative sd has the information of its levels, each worth its reliability, squared.
        """
        found = []
        templates = self.templates(theta)
        for at, row, column in self.places:
            reliability = 1 - np.diagonal(own[at], axis1=1, axis2=2).mean(axis=0)
            worth = float(np.prod(np.clip(reliability[[row, column]], 0.01, 1)))
            scale = max(float(templates[at][row, row]) ** 2, SINGULAR)
            found.append((4 if row == column else 2) * len(own[at]) * worth / scale)
        return np.array(found)

    def restarts(self, theta: Floats) -> list[Floats]:
        """Return starts inside the bounds for a search that ended on one, else none.

        On the boundary a derivative is nil by symmetry, and with correlated coefficients there
        are solutions there that are best only near by.
        """
        ended = self.on_diagonal & (np.abs(theta) < _NEAR_BOUNDARY)
        if not ended.any():
            return []
        starts = [np.where(ended, _LIFTED, theta)]
        if not self.on_diagonal.all():
            covariances = [template @ template.T for template in self.templates(theta)]
            alone = [np.diag(np.sqrt(np.diagonal(one)) + _LIFTED / 10) for one in covariances]
            starts += [self.gather(alone), _LIFTED * self.start, _LIFTED**2 * self.start]
            as_given = [np.asarray(np.linalg.inv(back), np.float64) for back in self.back]
            starts += [self.gather(as_given), _LIFTED * self.gather(as_given)]
        return starts

    def templates(self, theta: ArrayLike) -> list[Floats]:
        """Return the lower triangle of each grouping factor, shape (p, p)."""
        found = [np.zeros((group.design.shape[1],) * 2) for group in self.groups]
        for (at, row, column), value in zip(self.places, np.asarray(theta), strict=True):
            found[at][row, column] = value
        return found

    def natural(self, theta: ArrayLike) -> list[Floats]:
        """Return the templates in the units of the columns as given."""
        return [
            back @ template for back, template in zip(self.back, self.templates(theta), strict=True)
        ]

    def reported(self, theta: ArrayLike) -> Floats:
        """Return the parameters in the units of the columns as given."""
        return self.gather(self.natural(theta))

    def gather(self, matrices: Sequence[Floats]) -> Floats:
        """Return the entries of one matrix per factor that stand where parameters do."""
        return np.array([matrices[at][row, column] for at, row, column in self.places])

    def is_singular(self, theta: ArrayLike) -> bool:
        """Whether some variance is nil, or some correlation perfect."""
        return bool((np.asarray(theta)[self.on_diagonal] < SINGULAR).any())

    def components(
        self, theta: ArrayLike, residual_variance: float | None
    ) -> tuple[VarianceComponent, ...]:
        """Return variances and covariances per random term, as lme4 lists them."""
        scale = 1.0 if residual_variance is None else residual_variance
        found: list[VarianceComponent] = []
        for group, template in zip(self.groups, self.natural(theta), strict=True):
            covariance = scale * template @ template.T
            for number, block in enumerate(group.blocks):
                name = group.name if number == 0 else f"{group.name}.{number}"
                found += [
                    VarianceComponent(
                        name,
                        group.coefficients[a],
                        None,
                        float(covariance[a, a]),
                        float(np.sqrt(covariance[a, a])),
                    )
                    for a in block
                ]
                for position, a in enumerate(block):
                    for b in block[position + 1 :]:
                        both = np.sqrt(covariance[a, a] * covariance[b, b])
                        found.append(
                            VarianceComponent(
                                name,
                                group.coefficients[a],
                                group.coefficients[b],
                                float(covariance[a, b]),
                                float(covariance[a, b] / both) if both > 0 else float("nan"),
                            )
                        )
        if residual_variance is not None:
            found.append(
                VarianceComponent(
                    "Residual", None, None, residual_variance, float(np.sqrt(residual_variance))
                )
            )
        return tuple(found)
