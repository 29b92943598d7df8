"""Least squares whose errors hang together within clusters: CR1, and CR2 with Satterthwaite df."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import qr
from scipy.stats import t as student

from orchestration.statistics.refusal import (
    GAP_IN_SERIES,
    NO_VARIATION,
    SINGULAR_COVARIANCE,
    TOO_FEW_READINGS,
    Refusal,
)
from orchestration.statistics.spc.flat import Floats

# Squared sines and eigenvalues of I - H lie in 0..1; what is below this is rounding.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class ClusteredFit:
    """The wanted coefficients of a regression, the nuisance ones swept out.

    Attributes
    ----------
    coefficient : ndarray, shape (k,)
    iid, cr1, cr2 : ndarray, shape (k, k)
        Covariance under independent errors; under clusters with the factor
        ``G/(G-1) (N-1)/(N-K)``; under clusters with the bias-reduced adjustment.
    freedom : ndarray, shape (k,)
        Satterthwaite degrees of freedom of each coefficient's CR2 t statistic.
    n, n_parameters, n_clusters : int
        ``n_parameters`` counts every independent column, nuisance ones too.
    residual : ndarray, shape (n,)
    """

    coefficient: Floats
    iid: Floats
    cr1: Floats
    cr2: Floats
    freedom: Floats
    n: int
    n_parameters: int
    n_clusters: int
    residual: Floats
    _own: Floats = field(repr=False)
    _shared: Floats = field(repr=False)

    def interval(self, at: int = 0, confidence: float = 0.95) -> tuple[float, float]:
        """Return the CR2 interval of one coefficient."""
        half = float(student.ppf((1 + confidence) / 2, self.freedom[at]) * self.cr2[at, at] ** 0.5)
        return float(self.coefficient[at]) - half, float(self.coefficient[at]) + half

    def p_value(self, at: int = 0) -> float:
        """Return the two-sided CR2 p-value of one coefficient."""
        statistic = abs(float(self.coefficient[at])) / float(self.cr2[at, at]) ** 0.5
        return float(2 * student.sf(statistic, self.freedom[at]))

    def joint_freedom(self, at: Sequence[int]) -> float:
        """Return the degrees of freedom of the CR2 covariance of some coefficients together.

        Those of the Wishart distribution whose total variance is that of the covariance under
        independent errors (Tipton and Pustejovsky 2015, HTZ); for one coefficient Satterthwaite's.
        """
        chosen = np.asarray(at)
        own = self._own[:, chosen[:, None], chosen]
        shared = self._shared[:, :, chosen]
        # Products of the clusters' parts: (clusters, clusters, k, k).
        products = -np.einsum("aus,but->abst", shared, shared)
        number = np.arange(self.n_clusters)
        products[number, number] += own
        expected = products[number, number].sum(axis=0)
        values, vectors = np.linalg.eigh(expected)
        root = (vectors / np.sqrt(values)) @ vectors.T
        turned = root @ products @ root
        straight = np.einsum("abss,abtt->", turned, turned)
        crossed = np.einsum("abst,abts->", turned, turned)
        k = chosen.size
        return float(k * (k + 1) / (straight + crossed))


def fit_clustered(
    outcome: ArrayLike, wanted: ArrayLike, nuisance: ArrayLike, cluster: ArrayLike
) -> ClusteredFit | Refusal:
    """Return least squares coefficients with iid, CR1 and CR2 covariances.

    Parameters
    ----------
    outcome : array_like, shape (n,)
        No missing values.
    wanted : array_like, shape (n, k)
        Columns whose coefficients are asked for.
    nuisance : array_like, shape (n, m)
        Columns that are swept out: the intercept, dummies, covariates. They may depend on each
        other.
    cluster : array_like, shape (n,)
        Label of each row's cluster.

    Returns
    -------
    ClusteredFit or Refusal
        Refused: missing or infinite figures, no degree of freedom left, one cluster, wanted columns
        that depend on each other or on the nuisance columns, a fit without residual.

    References
    ----------
    Bell and McCaffrey, "Bias reduction in standard errors for linear regression with multi-stage
    samples", *Survey Methodology* 28 (2002); Pustejovsky and Tipton, "Small-sample methods for
    cluster-robust variance estimation and hypothesis testing in fixed effects models", *Journal
    of Business & Economic Statistics* 36 (2018) 672-683, working model: independent errors.
    """
    y = np.asarray(outcome, dtype=np.float64)
    columns = np.asarray(wanted, dtype=np.float64).reshape(y.size, -1)
    if not all(np.isfinite(one).all() for one in (y, columns, np.asarray(nuisance, dtype=float))):
        return Refusal(GAP_IN_SERIES, "a figure is missing or infinite")
    swept = orthonormal_basis(nuisance)
    n, k = columns.shape
    n_parameters = swept.shape[1] + k
    _, of_row = np.unique(np.asarray(cluster), return_inverse=True)
    n_clusters = int(of_row.max()) + 1 if n else 0
    if n <= n_parameters:
        return Refusal(TOO_FEW_READINGS, f"{n} readings for {n_parameters} parameters")
    if n_clusters < 2:  # noqa: PLR2004 - one cluster has no spread between clusters
        return Refusal(TOO_FEW_READINGS, "all readings are of one cluster")
    own = columns - swept @ (swept.T @ columns)
    basis = orthonormal_basis(own)
    nil = np.any((own**2).sum(axis=0) <= _ROUNDING * (columns**2).sum(axis=0))
    if nil or basis.shape[1] < k:
        detail = "an effect cannot be told from units and periods"
        return Refusal(SINGULAR_COVARIANCE, detail if nil else "the effects cannot be told apart")
    bread = own @ np.linalg.inv(own.T @ own)
    coefficient = bread.T @ y
    residual = y - swept @ (swept.T @ y) - own @ coefficient
    squares = float(residual @ residual)
    if squares <= _ROUNDING**2 * float(y @ y):
        return Refusal(NO_VARIATION, "the outcome follows the design without any residual")
    hat = np.column_stack([swept, basis])
    inverse = np.linalg.inv(own.T @ own)
    plain, adjusted = np.zeros((n_clusters, k)), np.zeros((n_clusters, k))
    own_part, shared = np.zeros((n_clusters, k, k)), np.zeros((n_clusters, hat.shape[1], k))
    for number in range(n_clusters):
        rows = of_row == number
        turned = _root_of_inverse(hat[rows]) @ bread[rows]
        plain[number] = bread[rows].T @ residual[rows]
        adjusted[number] = turned.T @ residual[rows]
        own_part[number] = turned.T @ turned
        shared[number] = hat[rows].T @ turned
    return ClusteredFit(
        coefficient=coefficient,
        iid=inverse * squares / (n - n_parameters),
        cr1=plain.T @ plain * n_clusters / (n_clusters - 1) * (n - 1) / (n - n_parameters),
        cr2=adjusted.T @ adjusted,
        freedom=np.array([_freedom(own_part[:, at, at], shared[:, :, at]) for at in range(k)]),
        n=n,
        n_parameters=n_parameters,
        n_clusters=n_clusters,
        residual=residual,
        _own=own_part,
        _shared=shared,
    )


def dummies(labels: ArrayLike, *, drop_first: bool = False) -> Floats:
    """Return one column of 0 and 1 for each label in sort order."""
    names, of_row = np.unique(np.asarray(labels), return_inverse=True)
    return np.eye(names.size)[of_row][:, int(drop_first) :]


def orthonormal_basis(columns: ArrayLike) -> Floats:
    """Return orthonormal columns that span the given ones; as many as are independent."""
    matrix = np.asarray(columns, dtype=np.float64)
    if matrix.size == 0:
        return np.zeros((matrix.shape[0], 0))
    scale = np.sqrt((matrix**2).sum(axis=0))
    turned, upper, _ = qr(matrix / np.where(scale > 0, scale, 1.0), mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(upper))
    rank = int(np.count_nonzero(diagonal > _ROUNDING**0.5 * max(1.0, diagonal[0]) * 1e-3))
    return np.ascontiguousarray(turned[:, :rank])


def _root_of_inverse(hat_rows: Floats) -> Floats:
    """Return the symmetric root of the pseudo-inverse of a cluster's block of I - H."""
    values, vectors = np.linalg.eigh(np.eye(hat_rows.shape[0]) - hat_rows @ hat_rows.T)
    roots = np.zeros_like(values)
    there = values > _ROUNDING
    roots[there] = values[there] ** -0.5
    root: Floats = (vectors * roots) @ vectors.T
    return root


def _freedom(own: Floats, shared: Floats) -> float:
    """Return the Satterthwaite degrees of freedom: trace(P)^2 / trace(P P) under iid errors."""
    products = np.diag(own) - shared @ shared.T
    return float(np.trace(products) ** 2 / (products**2).sum())
