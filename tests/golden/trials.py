"""Experiments and prediction: from a recipe to our functions."""

from typing import Any

import numpy as np

from orchestration.statistics.experiments import difference
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


KINDS: dict[str, Answer] = {"did": did}
