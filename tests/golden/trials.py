"""Experiments and prediction: from a recipe to our functions."""

from typing import Any

import numpy as np

from orchestration.statistics.experiments import difference, interrupted
from orchestration.statistics.prediction import arima
from orchestration.statistics.refusal import Refusal
from tests.golden.cases import Answer, Case


def did(case: Case) -> Any:
    options = case.options
    outcome, unit, period = case.column("y"), case.column("unit"), case.column("period")
    treatment = _treatment(case)
    group, post = _group(case, treatment), _post(case, treatment)
    readings = difference.panel(
        outcome,
        treatment,
        unit,
        period,
        cluster=_cluster(case),
        covariates=case.column("covariates") if case.has("covariates") else None,
    )
    if isinstance(readings, Refusal):
        return readings
    tree: dict[str, Any] = {"did_2x2": difference.two_by_two(outcome, group, post)}
    tree |= _two_way(difference.two_way_fixed_effects(readings))
    if "event_study_reference" in options:
        tree["event_study"] = _event_study(
            difference.event_study(readings, group[readings.row], options["event_study_reference"])
        )
    return tree


def _two_way(fit: difference.ClusteredFit | Refusal) -> dict[str, Any]:
    if isinstance(fit, Refusal):
        return dict.fromkeys(("twfe", "plm_twoways", "se_iid", "se_cluster_hc1", "cr2"), fit)
    low, high = fit.interval()
    return {
        **dict.fromkeys(("twfe", "plm_twoways"), fit.coefficient[0]),
        "se_iid": fit.iid[0, 0] ** 0.5,
        **dict.fromkeys(("se_cluster_hc1", "se_cluster"), fit.cr1[0, 0] ** 0.5),
        "cr2": {
            "se": fit.cr2[0, 0] ** 0.5,
            "df": fit.freedom[0],
            "t": fit.coefficient[0] / fit.cr2[0, 0] ** 0.5,
            "p": fit.p_value(),
            "ci": [low, high],
            "lo": low,
            "hi": high,
        },
    }


def _event_study(found: difference.EventStudy | Refusal) -> Any:
    if isinstance(found, Refusal):
        return found
    return {
        "period": found.period,
        "coef": found.fit.coefficient,
        "se": np.sqrt(np.diag(found.fit.cr1)),
        "se_iid": np.sqrt(np.diag(found.fit.iid)),
        "se_cr2": np.sqrt(np.diag(found.fit.cr2)),
        "df_cr2": found.fit.freedom,
    }


def _treatment(case: Case) -> np.ndarray:
    return case.column("d") if case.has("d") else case.column("treated") * case.column("post")


def _group(case: Case, treatment: np.ndarray) -> np.ndarray:
    """Whether a unit is treated at some time."""
    if case.has("treated"):
        return case.column("treated")
    ever = np.unique(case.column("unit")[treatment > 0])
    return np.isin(case.column("unit"), ever).astype(float)


def _post(case: Case, treatment: np.ndarray) -> np.ndarray:
    if case.has("post"):
        return case.column("post")
    period = case.column("period")
    return (period >= period[treatment > 0].min()).astype(float)


def _cluster(case: Case) -> np.ndarray:
    """The option names a role or a column; without it, a role of that name or the unit."""
    named = case.options.get("cluster", "cluster" if case.has("cluster") else "unit")
    return case.column(named) if case.has(named) else case.table[named]


def its(case: Case) -> Any:
    options = case.options
    y = _transformed(case.column("y"), options)
    terms = _segments(case)
    shown = {interrupted.INTERCEPT: "Intercept"} | {name: _as_r_prints(name) for name in terms}
    adjust = options.get("newey_west_adjust", True)
    found = interrupted.segmented_regression(
        y,
        terms,
        lag=options.get("newey_west_lag"),
        adjust=adjust not in {False, None, "none", ""},
    )
    tree: dict[str, Any] = {}
    if isinstance(found, Refusal):
        tree |= dict.fromkeys(("coef", "se_ols", "se_nw"), found)
    else:
        for leaf, figures in (
            ("coef", found.coefficient),
            ("se_ols", found.se_ols),
            ("se_nw", found.se_newey_west),
        ):
            tree[leaf] = {shown[term]: figure for term, figure in figures.items()}
        tree["sigma"] = float(np.sqrt((found.residual**2).sum() / found.freedom))
        tree["newey_west_lag"] = found.lag
    if "arima" in options:
        tree["arima"] = _interrupted_arima(case, y, terms, options["arima"])
    return tree


def _segments(case: Case) -> dict[str, np.ndarray]:
    """Trend, steps, slopes, covariates, then sine and cosine of each period, as R names them."""
    time = case.columns.get("t", "t")
    trend = case.table.get(time, np.arange(1.0, case.column("y").size + 1))
    terms: dict[str, np.ndarray] = {time: trend}
    for role in ("step", "slope", "covariates", "controls", "xreg"):
        named = case.columns.get(role, [])
        for column in [named] if isinstance(named, str) else named:
            terms[column] = case.table[column]
    harmonics = case.options.get("harmonics") or []
    for period in harmonics if isinstance(harmonics, list) else [harmonics]:
        sine, cosine = interrupted.harmonic_terms(trend, period)
        terms[f"sin(2 * pi * {time}/{period:.15g})"] = sine
        terms[f"cos(2 * pi * {time}/{period:.15g})"] = cosine
    return terms


def _as_r_prints(term: str) -> str:
    return term.replace("(", "").replace(")", "")


def _interrupted_arima(
    case: Case, y: np.ndarray, terms: dict[str, np.ndarray], options: dict[str, Any]
) -> Any:
    regressors: dict[str, np.ndarray] = {}
    for name in options.get("xreg") or []:
        column = case.columns[name] if case.has(name) and name not in case.table else name
        regressors[column] = terms[column] if column in terms else case.table[column]
    return _arima_tree(
        arima.fit_arima(y, *_orders(options), regressors=regressors, intercept=_intercept(options))
    )


def _arima_tree(found: arima.ArimaFit | Refusal) -> Any:
    if isinstance(found, Refusal):
        return found
    return {
        "coef": found.coefficient,
        "se": found.se,
        "loglik": found.log_likelihood,
        "sigma2": found.sigma2,
        "aic": found.aic,
        "aicc": found.aicc,
        "bic": found.bic,
    }


def _orders(options: dict[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    seasonal = options.get("seasonal") or [0, 0, 0, 0]
    if isinstance(seasonal, dict):
        seasonal = [*seasonal["order"], seasonal["period"]]
    if len(seasonal) == 3:
        seasonal = [*seasonal, options.get("period", 12)]
    return tuple(options["order"]), tuple(seasonal)


def _intercept(options: dict[str, Any]) -> bool | None:
    """R's arima has a mean unless told otherwise, but never in a differenced series."""
    stated = options.get("include_mean", options.get("intercept"))
    order, seasonal = _orders(options)
    return None if stated is None else bool(stated) and order[1] + seasonal[1] == 0


def _transformed(values: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    return _TRANSFORMS[options.get("transform")](np.asarray(values, dtype=float))


_TRANSFORMS: dict[Any, Any] = {
    **dict.fromkeys((None, "none", "identity"), lambda values: values),
    "log": np.log,
    "log1p": np.log1p,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "logit": lambda values: np.log(values / (1 - values)),
}

KINDS: dict[str, Answer] = {"did": did, "its": its}
