"""The audit of ratings: every result as a row, with what must stand beside it.

Groups, cuts and strata are declared in `seeds/registry/audits`, before a result is seen. Stages are
audited apart, because bias at the proposal and bias at the calibration are other people's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from orchestration.statistics.fairness.audit import (
    audit_strata,
    coverage,
    finding_of,
    impact_ratios,
    stage_change,
)
from orchestration.statistics.fairness.clustering import FEWEST_PLACES, intraclass
from orchestration.statistics.fairness.multiplicity import adjust_p_values
from orchestration.statistics.fairness.ordinal import compare_by_ranks, cumulative_link
from orchestration.statistics.fairness.raters import rater_group_interaction
from orchestration.statistics.refusal import NO_COMPARISON, TOO_FEW_READINGS, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.statistics.fairness.tables import TwoByTwo

ALL: Final = "*"
"""In the place of an attribute, group or stratum where a result is of all of them."""
STAGES: Final = ("proposed", "calibrated", "final")
STRATA: Final = ("site", "level")
P_VALUES: Final = ("mid_p_value", "exact_p_value", "p_value")
"""That which a row is judged by is the first of these that it has."""
CONFIDENCE: Final = 0.95

Row = dict[str, Any]

COLUMNS: Final[Row] = {
    "audit_id": None,
    "cycle_id": None,
    "stage_code": None,
    "attribute_name": ALL,
    "group_code": ALL,
    "method": None,
    "stratum_name": ALL,
    "stratum_id": ALL,
    "convention": None,
    "n": 0,
    "n_reference": 0,
    "estimate_kind": None,
    "estimate": np.nan,
    "low_value": np.nan,
    "high_value": np.nan,
    "p_value": np.nan,
    "exact_p_value": np.nan,
    "mid_p_value": np.nan,
    "adjusted_p_value": np.nan,
    "is_turned_by_one": None,
    "verdict": None,
    "refusal": None,
}


def audit_ratings(ratings: pd.DataFrame) -> pd.DataFrame:
    """Audit the ratings of every cycle and stage.

    Parameters
    ----------
    ratings : DataFrame, one row per audit, attribute, cycle, stage and employee
        `audit_id`, `attribute_name`, `cycle_id`, `stage_code`, `employee_id`, `rating_points` (1
        to 5), `rater_id`, `site_id`, `function_id`, `level_code` (any may be missing),
        `has_consent`, `group_code` (missing without consent or where nothing is stated), and what
        the audit declares: `reference_group_code`, `favourable_points`, `ratio_cut`, `alpha`,
        `least_members`, `site_role`, `level_role` (missing where it is no stratum).

    Returns
    -------
    DataFrame, one row per result
        By `audit_id`, `cycle_id`, `stage_code`, `attribute_name`, `group_code`, `method`,
        `stratum_name` and `stratum_id`: `convention`, `n` (of the group) and
        `n_reference`, `estimate` (`estimate_kind` says of what) with its 95 % interval, `p_value`,
        `exact_p_value` and `mid_p_value` where the method has them, `adjusted_p_value`,
        `is_turned_by_one`, `verdict`, and `refusal` where there is no result.

        ``impact_ratio``: share of favourable ratings over the reference group's.
        ``stratified``: odds ratio within strata (Mantel-Haenszel); where strata disagree
        (Breslow-Day) it is refused, and each stratum has a row ``in_stratum``. Of a stratum that
        may be tainted the verdict is `beside_unstratified`: it explains nothing away.
        ``ordinal``: log odds of a higher rating, held against sites where these are legitimate.
        ``ranks``: Kruskal's test over all groups; ``wilcoxon``: of each against the reference.
        ``rater_interaction``: raters who treat the group otherwise than others do; where they do,
        each such rater has a row.
        ``stage_change``: whether the stage raised one group more than the other.
        ``coverage``: whether those who agree to the audit stand for all, by site and by outcome;
        ``favourable_share`` with the bounds that those left out allow.
        ``clustering``: of all ratings, by function and by place.

    Notes
    -----
    `adjusted_p_value` holds the false discovery rate over all attributes and groups of a cycle,
    stage and method; the verdict is by it. Groups below `least_members` are left out as if they
    were not there, and have a row that says so without their number.
    """
    frame = ratings[ratings["stage_code"].isin(STAGES)].sort_values(
        ["audit_id", "cycle_id", "stage_code", "attribute_name", "employee_id"], ignore_index=True
    )
    rows: list[Row] = []
    for (audit, cycle), of_cycle in frame.groupby(["audit_id", "cycle_id"], sort=True):
        for stage in STAGES:
            here = of_cycle[of_cycle["stage_code"] == stage]
            if here.empty:
                continue
            before = of_cycle[of_cycle["stage_code"] == _before(stage)]
            key = {"audit_id": audit, "cycle_id": cycle, "stage_code": stage}
            rows += [COLUMNS | key | row for row in _of_stage(here, before)]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    if found.empty:
        return found
    rounded = found.select_dtypes("float").columns
    return found.assign(**{name: found[name].round(10) for name in rounded})


def _before(stage: str) -> str:
    at = STAGES.index(stage)
    return STAGES[at - 1] if at else ""


def _of_stage(here: pd.DataFrame, before: pd.DataFrame) -> list[Row]:
    rows: list[Row] = []
    for attribute, everybody in here.groupby("attribute_name", sort=True):
        earlier = before[before["attribute_name"] == attribute].set_index("employee_id")
        rows += [{"attribute_name": attribute} | row for row in _of_attribute(everybody, earlier)]
    _adjust(rows, float(here["alpha"].iloc[0]))
    people = here.drop_duplicates("employee_id")
    return [*rows, *_coverage(people), *_clustering(people)]


# ------------------------------------------------------------------------- groups of an attribute


def _of_attribute(everybody: pd.DataFrame, earlier: pd.DataFrame) -> Iterator[Row]:
    first = everybody.iloc[0]
    reference, least = str(first["reference_group_code"]), int(first["least_members"])
    known = everybody[everybody["group_code"].notna() & everybody["has_consent"]]
    sizes = known["group_code"].value_counts()
    large = sorted(sizes.index[sizes >= least])
    for group in sorted(set(sizes.index) - set(large)):
        detail = f"fewer than {least} members agree to the audit"
        yield {
            "group_code": group,
            "method": "impact_ratio",
            **_refused(Refusal(TOO_FEW_READINGS, detail)),
        }
    if reference not in large or len(large) == 1:
        missing = f"the reference group {reference}" if reference not in large else "another group"
        detail = f"{missing} has fewer than {least} members who agree to the audit"
        yield {"method": "impact_ratio", **_refused(Refusal(NO_COMPARISON, detail))}
        return
    people = known[known["group_code"].isin(large)].reset_index(drop=True)
    others = [group for group in large if group != reference]
    good = people["rating_points"].to_numpy(dtype=float) >= float(first["favourable_points"])
    label = people["group_code"].to_numpy(dtype=str)
    members = {group: int((label == group).sum()) for group in large}
    cut = float(first["ratio_cut"])
    ratios = impact_ratios(
        [int(good[label == group].sum()) for group in [reference, *others]],
        [members[group] for group in [reference, *others]],
        reference=0,
        cut=cut,
        confidence=CONFIDENCE,
    )
    for at, group in enumerate(others):
        sized = {"group_code": group, "n": members[group], "n_reference": members[reference]}
        pair = np.isin(label, [reference, group])
        one = people[pair]
        yield sized | _ratio_row(ratios if isinstance(ratios, Refusal) else ratios[at], cut)
        for stratum in STRATA:
            if isinstance(first[f"{stratum}_role"], str):
                for row in _strata_rows(one, good[pair], group, stratum):
                    yield {"group_code": group} | row
        for row in _rater_rows(one, reference):
            yield sized | row
        if len(earlier):
            yield sized | _stage_row(one, good[pair], earlier, reference)
    yield from _ordinal_rows(people, reference, others, members)
    yield {"n": len(people)} | _ranks_row(people)
    for group in others:
        sized = {"group_code": group, "n": members[group], "n_reference": members[reference]}
        yield sized | _pair_row(people, group, reference)


def _ratio_row(found: Any, cut: float) -> Row:
    row: Row = {
        "method": "impact_ratio",
        "convention": f"score interval; cut {cut:g}; Fisher and mid-p",
        "estimate_kind": "ratio",
    }
    if isinstance(found, Refusal):
        return row | _refused(found)
    return row | {
        "estimate": found.ratio,
        # Read by `_adjust`: the ratio itself is rounded.
        "is_below_cut": found.is_below_cut,
        "low_value": found.low,
        "high_value": found.high,
        "exact_p_value": found.fisher_p_value,
        "mid_p_value": found.mid_p_value,
        "is_turned_by_one": found.turned_by_one,
    }


def _strata_rows(people: pd.DataFrame, good: np.ndarray, group: str, stratum: str) -> Iterator[Row]:
    """Yield the odds ratio within strata, or that of each stratum where they disagree."""
    role, least = people[f"{stratum}_role"].iloc[0], int(people["least_members"].iloc[0])
    column = {"site": "site_id", "level": "level_code"}[stratum]
    row: Row = {
        "method": "stratified",
        "stratum_name": stratum,
        "convention": f"{role}; Cochran-Mantel-Haenszel without correction; Breslow-Day",
        "estimate_kind": "odds_ratio",
    }
    there = people[column].notna().to_numpy()
    names = sorted(people.loc[there, column].unique())
    label, place = people["group_code"].to_numpy(dtype=str), people[column].to_numpy()
    # Reference group first; favourable first.
    masks = [
        [[there & (place == name) & own & won for won in (good, ~good)]
         for own in (label != group, label == group)]
        for name in names
    ]  # fmt: skip
    tables = np.array(
        [[[int(cell.sum()) for cell in line] for line in table] for table in masks], dtype=int
    ).reshape(-1, 2, 2)
    n_reference, n = tables.sum(axis=(0, 2)).tolist()
    row |= {"n": n, "n_reference": n_reference}
    found = audit_strata(tables, role="legitimate" if role == "legitimate" else "possibly_tainted")
    if isinstance(found, Refusal):
        yield row | _refused(found)
        return
    said = "stratified" if found.decides == "strata" else "beside_unstratified"
    if found.pooled is not None:
        yield row | {
            "estimate": _odds(found.pooled.odds_ratio),
            "low_value": _odds(found.pooled.high),
            "high_value": _odds(found.pooled.low),
            "p_value": found.pooled.p_value,
            "exact_p_value": found.pooled.exact_p_value,
            "verdict": "reversed_within_strata" if found.reverses else said,
        }
        return
    if np.isnan(found.homogeneity_p_value):
        detail = "no two strata have both groups and both outcomes"
        yield row | _refused(Refusal(TOO_FEW_READINGS, detail))
        return
    detail = f"strata disagree (Breslow-Day p {found.homogeneity_p_value:.2g}): see each of them"
    yield row | _refused(Refusal(NO_COMPARISON, detail))
    for name, table, one in zip(names, tables, found.strata, strict=True):
        inside = row | {
            "method": "in_stratum",
            "stratum_id": str(name),
            "convention": f"{role}; conditional odds ratio, exact interval; Fisher and mid-p",
        }
        if table.sum(axis=1).min() < least:
            detail = f"fewer than {least} members of a group"
            inside |= {"n": 0, "n_reference": 0}
            yield inside | _refused(Refusal(TOO_FEW_READINGS, detail))
        else:
            inside |= {"n": int(table[1].sum()), "n_reference": int(table[0].sum())}
            yield inside | _table_row(one)


def _table_row(found: TwoByTwo | Refusal) -> Row:
    if isinstance(found, Refusal):
        return _refused(found)
    return {
        "estimate": _odds(found.odds_ratio),
        "low_value": _odds(found.odds_ratio_high),
        "high_value": _odds(found.odds_ratio_low),
        "exact_p_value": found.fisher_p_value,
        "mid_p_value": found.mid_p_value,
    }


def _odds(reference_over_group: float) -> float:
    """Return the odds of the group over those of the reference."""
    return 1 / reference_over_group if reference_over_group else float("inf")


def _ordinal_rows(
    people: pd.DataFrame, reference: str, others: list[str], members: dict[str, int]
) -> Iterator[Row]:
    label = people["group_code"].to_numpy(dtype=str)
    columns = [label == group for group in others]
    is_adjusted = people["site_role"].iloc[0] == "legitimate"
    if is_adjusted:
        site = people["site_id"].fillna("unknown").to_numpy(dtype=str)
        columns += [site == name for name in np.unique(site)[1:]]
    # The five labels lie around the whole points.
    outcome = np.clip(np.floor(people["rating_points"].to_numpy(dtype=float) + 0.5), 1, 5)
    found = cumulative_link(outcome, np.column_stack(columns).astype(float))
    for at, group in enumerate(others):
        row: Row = {
            "group_code": group,
            "method": "ordinal",
            "convention": f"proportional odds of five labels{', within sites' * is_adjusted}",
            "estimate_kind": "log_odds",
            "n": members[group],
            "n_reference": members[reference],
        }
        if isinstance(found, Refusal):
            yield row | _refused(found)
            continue
        slope, error = float(found.slopes[at]), float(found.se_slopes[at])
        reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * error
        yield row | {
            "estimate": slope,
            "low_value": slope - reach,
            "high_value": slope + reach,
            "p_value": float(2 * norm.sf(abs(slope) / error)),
        }


def _ranks_row(people: pd.DataFrame) -> Row:
    row: Row = {"method": "ranks", "convention": "Kruskal, ties allowed for"}
    found = compare_by_ranks(
        people["rating_points"].to_numpy(dtype=float), people["group_code"].to_numpy(dtype=str)
    )
    return row | (
        _refused(found) if isinstance(found, Refusal) else {"p_value": found.kruskal_p_value}
    )


def _pair_row(people: pd.DataFrame, group: str, reference: str) -> Row:
    row: Row = {
        "method": "wilcoxon",
        "convention": "share of pairs in which the group's member is rated higher, ties half",
        "estimate_kind": "share",
    }
    pair = people[people["group_code"].isin([group, reference])]
    # The group comes first, so that the statistic counts the pairs in which it is higher.
    is_reference = (pair["group_code"] == reference).to_numpy()
    found = compare_by_ranks(pair["rating_points"].to_numpy(dtype=float), is_reference)
    if isinstance(found, Refusal):
        return row | _refused(found)
    pairs = int(is_reference.sum()) * int((~is_reference).sum())
    return row | {"estimate": found.w / pairs, "p_value": found.w_p_value}


def _rater_rows(people: pd.DataFrame, reference: str) -> Iterator[Row]:
    row: Row = {
        "method": "rater_interaction",
        "stratum_name": "rater",
        "convention": "points; each rater against all others; five ratees of each group or more",
        "estimate_kind": "points",
    }
    rated = people[people["rater_id"].notna()]
    found: Any = Refusal(TOO_FEW_READINGS, "no rating names its rater")
    if reference in set(rated["group_code"]):
        found = rater_group_interaction(
            rated["rating_points"].to_numpy(dtype=float),
            rated["rater_id"].to_numpy(dtype=str),
            rated["group_code"].to_numpy(dtype=str),
            reference=reference,
        )
    if isinstance(found, Refusal):
        yield row | _refused(found)
        return
    yield row | {"estimate": found.common, "p_value": found.interaction_p_value}
    alpha = float(people["alpha"].iloc[0])
    for at in np.flatnonzero(found.adjusted_p_value < alpha).tolist():
        yield row | {
            "method": "rater",
            "stratum_id": str(found.raters[at]),
            "estimate": float(found.departure[at]),
            "low_value": float(found.low[at]),
            "high_value": float(found.high[at]),
            "p_value": float(found.p_value[at]),
            "adjusted_p_value": float(found.adjusted_p_value[at]),
            "verdict": "departs_from_others",
        }


def _stage_row(
    people: pd.DataFrame, good: np.ndarray, earlier: pd.DataFrame, reference: str
) -> Row:
    row: Row = {
        "method": "stage_change",
        "convention": "raised against lowered by group; Fisher",
    }
    points = earlier["rating_points"].reindex(people["employee_id"]).to_numpy(dtype=float)
    known = np.isfinite(points)
    if reference not in set(people.loc[known, "group_code"]):
        detail = f"nobody of {reference} was rated in the stage before"
        return row | _refused(Refusal(NO_COMPARISON, detail))
    found = stage_change(
        points[known] >= float(people["favourable_points"].iloc[0]),
        good[known],
        people.loc[known, "group_code"].to_numpy(dtype=str),
        reference=reference,
    )
    return row | (
        _refused(found) if isinstance(found, Refusal) else {"exact_p_value": found.p_value}
    )


def _adjust(rows: list[Row], alpha: float) -> None:
    """Hold the false discovery rate over all groups of a method, and say what each row says."""
    methods = dict.fromkeys((row["method"], row.get("stratum_name", ALL)) for row in rows)
    for method, stratum in methods:
        own = [
            row
            for row in rows
            if (row["method"], row.get("stratum_name", ALL)) == (method, stratum)
            and row.get("refusal") is None
            and any(name in row for name in P_VALUES)
            and "adjusted_p_value" not in row
        ]
        p = [float(row[next(name for name in P_VALUES if name in row)]) for row in own]
        adjusted = adjust_p_values(p) if p else Refusal(TOO_FEW_READINGS, "nothing was tested")
        if isinstance(adjusted, Refusal):
            continue
        for row, held in zip(own, adjusted.tolist(), strict=True):
            row["adjusted_p_value"] = held
            if method == "impact_ratio":
                below = row.pop("is_below_cut")
                row["verdict"] = finding_of(held, is_below_cut=below, alpha=alpha)
            elif "verdict" not in row:
                row["verdict"] = "differs" if held < alpha else "no_difference_shown"


# ------------------------------------------------------------------------------ of all the rated


def _coverage(people: pd.DataFrame) -> Iterator[Row]:
    """Whether those who agree stand for all; groups of those who did not agree are not read."""
    good = people["rating_points"].to_numpy(dtype=float) >= float(
        people["favourable_points"].iloc[0]
    )
    seen = people["has_consent"].to_numpy(dtype=bool)
    site = people["site_id"].fillna("unknown").to_numpy(dtype=str)
    outcome = np.where(good, "favourable", "other")
    for stratum, label in (("site", site), ("outcome", outcome)):
        names = np.unique(label).tolist()
        own = [label == name for name in names]
        found = coverage(
            [int((one & seen).sum()) for one in own],
            [int(one.sum()) for one in own],
            [int((one & seen & good).sum()) for one in own],
            alpha=float(people["alpha"].iloc[0]),
        )
        row: Row = {
            "method": "coverage",
            "stratum_name": stratum,
            "convention": "share who agree to the audit, of all rated",
            "estimate_kind": "share",
            "n": int(seen.sum()),
        }
        if isinstance(found, Refusal):
            yield row | _refused(found)
            continue
        yield row | {
            "estimate": float(seen.mean()),
            "p_value": found.p_value,
            "verdict": "selective" if found.selective else "no_selection_shown",
        }
        for name, share, one in zip(names, found.share.tolist(), own, strict=True):
            yield row | {"stratum_id": name, "estimate": share, "n": int((one & seen).sum())}
    if seen.any():
        yield {
            "method": "favourable_share",
            "convention": "bounds: none, or all, of those left out had a favourable rating",
            "estimate_kind": "share",
            "n": int(seen.sum()),
            "estimate": float(good[seen].mean()),
            "low_value": float((seen & good).sum() / len(people)),
            "high_value": float(((seen & good).sum() + (~seen).sum()) / len(people)),
        }


def _clustering(people: pd.DataFrame) -> Iterator[Row]:
    points = people["rating_points"].to_numpy(dtype=float)
    there = people["function_id"].notna().to_numpy()
    row: Row = {
        "method": "clustering",
        "stratum_name": "function",
        "convention": "intraclass correlation, one way; F",
        "estimate_kind": "intraclass_correlation",
        "n": int(there.sum()),
    }
    found = (
        intraclass(points[there], people.loc[there, "function_id"].to_numpy(dtype=str))
        if there.any()
        else Refusal(TOO_FEW_READINGS, "nobody's function is known")
    )
    if isinstance(found, Refusal):
        yield row | _refused(found)
    else:
        is_clustered = found.p_value < float(people["alpha"].iloc[0])
        yield row | {
            "estimate": found.icc,
            "low_value": found.low,
            "high_value": found.high,
            "p_value": found.p_value,
            "verdict": "clustered" if is_clustered else "no_clustering_shown",
        }
    places = int(people["site_id"].nunique())
    place: Row = {
        "method": "clustering",
        "stratum_name": "place",
        "convention": f"Moran's I by permutation; {FEWEST_PLACES} places or more",
        "estimate_kind": "morans_i",
        "n": places,
    }
    if places < FEWEST_PLACES:
        detail = f"{places} places, at least {FEWEST_PLACES} are needed"
        yield place | _refused(Refusal(TOO_FEW_READINGS, detail))
    else:
        yield place | _refused(Refusal(NO_COMPARISON, "where the sites lie is declared nowhere"))


def _refused(refusal: Refusal) -> Row:
    return {"refusal": f"{refusal.reason}: {refusal.detail}"}
