"""Recipes of experiments and forecasts that no shared case holds, with figures of R."""

import json

import numpy as np
import pytest

from tests.golden.cases import Case, figures
from tests.golden.kinds import KINDS
from tests.statistics.test_breaks import NILE
from tests.statistics.test_forecast import QUARTERS


def verdicts(folder, recipe, columns, expected, tolerance=1e-8):
    """Write a case, run it, and return what became of each figure."""
    rows = [
        ",".join(columns),
        *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True)),
    ]
    (folder / "data.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "expected.json").write_text(
        json.dumps({"recipe": recipe, "expected": expected, "tolerance": {"default": tolerance}}),
        encoding="utf-8",
    )
    found = figures(Case.read(folder, folder.parent), KINDS)
    assert found
    return {figure.path: figure.verdict for figure in found if figure.verdict != "ok"}


def test_breaks_of_the_nile_are_answered_as_strucchange_prints_them(tmp_path):
    # R 4.2, strucchange 1.5-3: breakpoints, confint, efp(type = "OLS-CUSUM"), Fstats.
    expected = {
        "break": 28,
        "break_year": 1898,
        "bic": [1318.24180688, 1270.08373574, 1276.46670076, 1284.71766745, 1291.94447689,
                1310.76515477],
        "ci": [25, 32],
        "confint": [25, 28, 32],
        "breakpoints": [28],
        "ols_cusum": {"stat": 2.95176610266, "p": 5.40855346065e-08},
        "supF": {"stat": 75.9297694275, "p": 2.22044604925e-16},
    }  # fmt: skip
    recipe = {
        "kind": "change_point",
        "columns": {"y": "flow", "year": "year"},
        "options": {"h": 0.15},
    }
    columns = {"year": range(1871, 1971), "flow": NILE}

    assert verdicts(tmp_path, recipe, columns, expected) == {}


def test_a_series_without_variation_is_refused_and_not_answered(tmp_path):
    recipe = {"kind": "change_point", "columns": {"y": "y"}, "options": {}}

    assert verdicts(tmp_path, recipe, {"y": [5] * 40}, {"break": 20, "supF": {"p": None}}) == {
        "break": "refused"
    }


def test_several_models_of_one_column_are_answered_by_name(tmp_path):
    # R 4.2, forecast 8.20: snaive and rwf(drift = TRUE).
    expected = {
        "last_year": {"mean": [16, 19, 15, 24, 16], "lo95": [11.5091583407, 14.5091583407,
                      10.5091583407, 19.5091583407, 9.6489908190]},
        "drift": {"mean": [25.0909090909, 26.1818181818, 27.2727272727, 28.3636363636,
                  29.4545454545]},
    }  # fmt: skip
    recipe = {
        "kind": "forecast",
        "columns": {"y": "y"},
        "options": {
            "horizon": 5,
            "last_year": {"model": "snaive", "period": 4},
            "drift": {"model": "rwf", "drift": True},
        },
    }

    assert verdicts(tmp_path, recipe, {"y": QUARTERS}, expected) == {}


def test_text_labels_and_a_column_of_clusters_will_do(tmp_path):
    # R 4.2, lm, sandwich and clubSandwich on formulas; as in test_difference, without covariate.
    unit, period = (part.ravel() for part in np.meshgrid(np.arange(12), np.arange(1, 7)))
    columns = {
        "line": [f"L{at:02}" for at in unit],
        "month": [f"2026-{at:02}" for at in period],
        "pair": [f"P{at // 2}" for at in unit],
        "pilot": (unit < 5).astype(int),
        "after": (period > 3).astype(int),
        "oee": np.sin(3 * unit + period**2) + np.cos(unit) + 0.1 * period,
    }
    recipe = {
        "kind": "did",
        "columns": {"unit": "line", "period": "month", "treated": "pilot", "post": "after",
                    "y": "oee"},
        "options": {"cluster": "pair", "event_study_reference": "2026-03"},
    }  # fmt: skip

    expected = {
        "twfe": -0.2005628691268,
        "se_iid": 0.3490761015880,
        "se_cluster_hc1": 0.2811651176983,
        "cr2": {"se": 0.2534877832478, "df": 3.7674418604651, "p": 0.4756417834173},
        "event_study": {
            "period": ["2026-01", "2026-02", "2026-04", "2026-05", "2026-06"],
            "coef": [-0.1413899963409, -0.3164598828224, -0.1560662115694, -0.4444233695838,
                     -0.4590489053905],
            "se": [0.2185988906921, 0.4587202630037, 0.2244915075346, 0.6597494205991,
                   0.6695170157169],
        },
    }  # fmt: skip

    assert verdicts(tmp_path, recipe, columns, expected) == {}


@pytest.mark.parametrize(
    ("role", "cells", "options"),
    [
        ("first_treated", lambda unit: np.where(unit < 5, 4, 0), {}),
        ("start", lambda unit: np.where(unit < 5, "4", "NA"), {}),
        ("treated", lambda unit: (unit < 5).astype(int), {"post_from": 4}),
        ("treated", lambda unit: (unit < 5).astype(int), {"event_study_reference": 3}),
        ("treated", lambda unit: (unit < 5).astype(int), None),
    ],
)
def test_since_when_units_are_treated_may_be_said_in_several_ways(tmp_path, role, cells, options):
    # As above, and the mean of the event study of R by hand.
    unit, period = (part.ravel() for part in np.meshgrid(np.arange(12), np.arange(1, 7)))
    columns = {
        "unit": unit,
        "period": period,
        "how": cells(unit),
        "y": np.sin(3 * unit + period**2) + np.cos(unit) + 0.1 * period,
    }
    recipe = {
        "kind": "did",
        "columns": {"unit": "unit", "period": "period", role: "how", "y": "y"},
        "options": options or {},
    }
    found = verdicts(tmp_path, recipe, columns, {"twfe": -0.2005628691268})

    assert found == ({} if options is not None or role != "treated" else {"twfe": "refused"})


def test_a_plain_list_of_cross_correlations_is_answered_by_one(tmp_path):
    # Of 1, 2, 4, 3 and 2, 1, 3, 5 by hand: means 2.5 and 2.75.
    x, y = np.array([1.0, 2, 4, 3]), np.array([2.0, 1, 3, 5])
    a, b = x - x.mean(), y - y.mean()
    size = np.sqrt((a @ a) * (b @ b))
    recipe = {"kind": "kpi_relations", "columns": {"kpis": ["x", "y"]}, "options": {"lag_max": 1}}
    # R's lag k pairs x[t + k] with y[t].
    expected = {"ccf": [a[:3] @ b[1:] / size, a @ b / size, a[1:] @ b[:3] / size]}

    assert verdicts(tmp_path, recipe, {"x": x, "y": y}, expected) == {}
