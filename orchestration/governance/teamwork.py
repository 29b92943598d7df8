"""Who held work up, whose an outcome is, which teams carry a member: of teams, not persons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from orchestration.statistics.attribution.blocking import Blocking, blocking_teams
from orchestration.statistics.attribution.critical_path import Delay, assign_delay
from orchestration.statistics.attribution.shapley import Shapley, shapley_values
from orchestration.statistics.attribution.shares import (
    decaying_shares,
    declared_shares,
    equal_shares,
    sensitivity,
)
from orchestration.statistics.detection.free_riding import Carried, judge_team
from orchestration.statistics.refusal import IMPOSSIBLE_VALUE, NO_COMPARISON, NO_VALUE, Refusal

if TYPE_CHECKING:
    from orchestration.statistics.spc.flat import Floats

ALL: Final = "*"
"""In the place of a piece of work where a row is of all, and of a team where it is of none."""
UNASSIGNED: Final = "unassigned"
"""In the place of a team: waits that nobody answers for."""
HALF_LIFE_DAYS: Final = 30.0
"""Days after which a contribution counts half, by the rule of decay."""
RULES: Final = ("declared", "equal", "decay", "shapley")
LEVEL: Final = 0.05
DIGITS: Final = 10
DAY_DIGITS: Final = 6

DELAY_COLUMNS: Final = (
    "site_id", "item_id", "team_id", "item_count", "planned_days", "actual_days", "delay_days",
    "excess_days", "is_on_path", "p_value", "verdict", "refusal",
)  # fmt: skip
SHARE_COLUMNS: Final = (
    "item_id", "site_id", "team_id", "rule", "share", "low_share", "high_share",
    "is_order_stable", "share_hours", "refusal",
)  # fmt: skip
PEER_COLUMNS: Final = (
    "cycle_id", "team_id", "plan_id", "score_count", "rater_count", "member_count", "gap_points",
    "gap_without_one_points", "p_value", "adjusted_p_value", "verdict", "refusal",
)  # fmt: skip

Row = dict[str, Any]


def assign_delays(tasks: pd.DataFrame) -> pd.DataFrame:
    """Assign the delay of each finished piece of work to the teams that caused it.

    Parameters
    ----------
    tasks : DataFrame, one row per task
        `site_id`, `item_id`, `task_no`, `team_id`, `waits_for_task_no` and
        `also_waits_for_task_no` (missing: waits for none), `planned_days`, `started_date` and
        `handed_on_date` (missing: not handed on; the piece of work is left out).

    Returns
    -------
    DataFrame, one row per piece of work and team, with `UNASSIGNED` as one more
        `planned_days` and `actual_days` of the whole and `delay_days` of the team, in calendar
        days: these add up. `is_on_path` says that a task of the team was on the longest chain. One
        row per team with `item_id` `ALL`: mean `delay_days`, `excess_days` over the others on the
        same pieces of work, `p_value` over all teams of the site, `verdict` (`blocks`,
        `not_distinguishable`, `too_few`).

    Notes
    -----
    `statistics.attribution.critical_path` and `blocking`. Who is late follows from what was
    planned: a team that may plan for itself is never late.
    """
    rows: list[Row] = []
    for site, here in _sorted(tasks, "site_id", "item_id", "task_no").groupby("site_id"):
        found = [row for item, part in here.groupby("item_id") for row in _delays(str(item), part)]
        rows += [{"site_id": site} | row for row in [*found, *_blocking(found)]]
    return _rounded(rows, DELAY_COLUMNS)


def _delays(item: str, tasks: pd.DataFrame) -> list[Row]:
    if tasks["handed_on_date"].isna().any():
        return []
    place = {int(number): at for at, number in enumerate(tasks["task_no"])}
    waits = tasks[["waits_for_task_no", "also_waits_for_task_no"]].to_numpy(dtype=float)
    after = {
        at: [int(one) for one in before if np.isfinite(one)] for at, before in enumerate(waits)
    }
    row = {"item_id": item, "item_count": 1}
    unknown = sorted({one for before in after.values() for one in before} - set(place))
    if unknown:
        said = f"{NO_VALUE}: a task waits for task {unknown[0]}, which was not delivered"
        return [row | {"team_id": ALL, "refusal": said}]
    after = {at: [place[one] for one in before] for at, before in after.items() if before}
    start, end = (
        pd.to_datetime(tasks[name]).to_numpy(dtype="datetime64[D]").astype(float)
        for name in ("started_date", "handed_on_date")
    )
    ready = np.array(
        [max((end[n] for n in after.get(at, ())), default=start.min()) for at in place.values()]
    )
    found = assign_delay(
        tasks["planned_days"].to_numpy(dtype=float),
        # A task that began before all it waits for was done lasts from when it could.
        end - np.maximum(start, ready),
        tasks["team_id"].astype(str).to_list(),
        after,
        wait=np.maximum(start - ready, 0.0),
    )
    if isinstance(found, Refusal):
        return [row | {"team_id": ALL, "refusal": f"{found.reason}: {found.detail}"}]
    on_path = {str(tasks["team_id"].iloc[at]) for at in found.path}
    return [
        row
        | {
            "team_id": team,
            "planned_days": found.planned,
            "actual_days": found.actual,
            "delay_days": days,
            "is_on_path": team in on_path,
        }
        for team, days in _parties(found)
    ]


def _parties(found: Delay) -> list[tuple[str, float]]:
    """Return each party with its days, rounded so that they still add up."""
    days = found.share.round(DAY_DIGITS).tolist()
    rest = round(found.actual - found.planned - sum(days), DAY_DIGITS)
    return [*zip(found.teams, days, strict=True), (UNASSIGNED, rest)]


def _blocking(rows: list[Row]) -> list[Row]:
    of_teams = [row for row in rows if "delay_days" in row and row["team_id"] != UNASSIGNED]
    if not of_teams:
        return []
    found = blocking_teams(
        [row["item_id"] for row in of_teams],
        [row["team_id"] for row in of_teams],
        [row["delay_days"] for row in of_teams],
        level=LEVEL,
    )
    if isinstance(found, Refusal):
        said = f"{found.reason}: {found.detail}"
        return [{"item_id": ALL, "team_id": ALL, "refusal": said}]
    return [_summary(found, at) for at in range(len(found.teams))]


def _summary(found: Blocking, at: int) -> Row:
    return {
        "item_id": ALL,
        "team_id": found.teams[at],
        "item_count": int(found.items[at]),
        "delay_days": float(found.mean[at]),
        "excess_days": float(found.excess[at]),
        "p_value": float(found.p_value[at]),
        "verdict": found.verdict[at],
    }


def share_outcomes(tasks: pd.DataFrame) -> pd.DataFrame:
    """Divide what came of shared work among the teams, by four rules that may disagree.

    Parameters
    ----------
    tasks : DataFrame, one row per task
        `item_id`, `site_id`, `team_id`, `function_code`, `agreed_weight` (may be missing),
        `handed_on_date`, `measured_date` and `saved_hours` (missing: not measured, left out).

    Returns
    -------
    DataFrame, one row per piece of work, rule and team
        `rule`: ``declared`` (weights agreed before the work began), ``equal``, ``decay`` (half
        after `HALF_LIFE_DAYS` between handing on and the measurement), ``shapley`` (what a function
        adds, on average over all orders, to pieces of work on which exactly these functions
        worked). `share` sums to one within a piece of work and rule, `share_hours` to what was
        measured. `low_share` and `high_share` are the smallest and largest over the rules,
        `is_order_stable` says whether they agree on who has more. A rule that cannot be applied has
        one row with its `refusal` and `team_id` `ALL`.

    Notes
    -----
    No rule is right: which one counts is agreed before the work begins, and the others say how much
    hangs on that choice.
    """
    measured = _sorted(tasks, "item_id", "team_id").dropna(subset=["saved_hours"])
    worth = _worth(measured)
    values: dict[tuple[str, ...], Shapley | Refusal] = {}
    rows: list[Row] = []
    for item, part in measured.groupby("item_id"):
        teams = sorted(part["team_id"].astype(str).unique())
        functions = part.groupby("team_id")["function_code"].first()
        played = tuple(sorted(set(functions)))
        if played not in values:
            values[played] = _shapley(played, worth)
        rules = _rules(
            part, teams, [str(functions[team]) for team in teams], played, values[played]
        )
        rows += _shares(str(item), part, teams, rules)
    return _rounded(rows, SHARE_COLUMNS)


def _worth(tasks: pd.DataFrame) -> dict[frozenset[str], float]:
    """Return the mean outcome of the pieces of work on which exactly these functions worked."""
    of_item = tasks.groupby("item_id").agg(
        functions=("function_code", lambda one: frozenset(one.astype(str))),
        hours=("saved_hours", "first"),
    )
    means: dict[frozenset[str], float] = {}
    seen: set[frozenset[str]] = set(of_item["functions"])
    for functions in sorted(seen, key=sorted):
        same = [one == functions for one in of_item["functions"]]
        means[functions] = float(of_item.loc[same, "hours"].astype(float).mean())
    return means


def _shapley(functions: tuple[str, ...], worth: dict[frozenset[str], float]) -> Shapley | Refusal:
    unseen: set[frozenset[str]] = set()

    def value(who: np.ndarray) -> float:
        there = frozenset(one for one, is_in in zip(functions, who, strict=True) if is_in)
        if there and there not in worth:
            unseen.add(there)
        return worth.get(there, 0.0)

    found = shapley_values(value, len(functions))
    if unseen:
        first = ", ".join(min(sorted(one) for one in unseen))
        return Refusal(NO_COMPARISON, f"no measured piece of work was of {first} alone")
    if isinstance(found, Shapley) and (found.value.min() < 0 or found.value.sum() <= 0):
        return Refusal(IMPOSSIBLE_VALUE, "a function adds less than nothing, which is no share")
    return found


def _rules(
    tasks: pd.DataFrame,
    teams: list[str],
    functions: list[str],
    played: tuple[str, ...],
    value: Shapley | Refusal,
) -> dict[str, Floats | Refusal]:
    ages = (
        pd.to_datetime(tasks["measured_date"]) - pd.to_datetime(tasks["handed_on_date"])
    ).dt.days
    of_task = tasks["team_id"].astype(str).to_numpy()

    def by_team(shares: Floats | Refusal) -> Floats | Refusal:
        if isinstance(shares, Refusal):
            return shares
        return np.array([shares[of_task == team].sum() for team in teams])

    shapley: Floats | Refusal
    if isinstance(value, Refusal):
        shapley = value
    else:
        # Teams of one function on one piece of work share what it adds.
        of_function = dict(zip(played, value.value, strict=True))
        shapley = declared_shares([of_function[one] / functions.count(one) for one in functions])
    return {
        "declared": by_team(declared_shares(tasks["agreed_weight"].to_numpy(dtype=float))),
        "equal": equal_shares(len(teams)),
        "decay": by_team(
            Refusal(NO_VALUE, "a task was not handed on before the outcome was measured")
            if ages.isna().any()
            else decaying_shares(ages.to_numpy(dtype=float), HALF_LIFE_DAYS)
        ),
        "shapley": shapley,
    }


def _shares(
    item: str, tasks: pd.DataFrame, teams: list[str], rules: dict[str, Floats | Refusal]
) -> list[Row]:
    row = {"item_id": item, "site_id": tasks["site_id"].iloc[0]}
    known = {rule: one for rule, one in rules.items() if not isinstance(one, Refusal)}
    spread, hours = sensitivity(known), float(tasks["saved_hours"].iloc[0])
    found: list[Row] = []
    for rule, shares in rules.items():
        if isinstance(shares, Refusal):
            said = f"{shares.reason}: {shares.detail}"
            found.append(row | {"team_id": ALL, "rule": rule, "refusal": said})
            continue
        found += [
            row
            | {
                "team_id": team,
                "rule": rule,
                "share": float(shares[at]),
                "low_share": float(spread.low[at]),
                "high_share": float(spread.high[at]),
                "is_order_stable": spread.is_order_stable,
                "share_hours": float(shares[at]) * hours,
            }
            for at, team in enumerate(teams)
        ]
    return found


def find_free_riding(scores: pd.DataFrame) -> pd.DataFrame:
    """Say which teams, by their own scores, carry a member: the team and its plan of pay.

    Parameters
    ----------
    scores : DataFrame, one row per cycle, team, member who scores and member who is scored
        `cycle_id`, `team_id`, `rater_token`, `subject_token`, `plan_id` (may be missing), `score`.

    Returns
    -------
    DataFrame, one row per cycle and team
        Counts, `gap_points` (the lowest member below the mean of the others),
        `gap_without_one_points` (the smallest if any one rater is not believed), `p_value`,
        `adjusted_p_value` (false discovery rate over the teams of a cycle), `verdict` (`carried`,
        `one_voice`, `not_distinguishable`) and `refusal`. Who the member is, is in no row: a plan
        that pays a team alike is what is in question.
    """
    rows: list[Row] = []
    for cycle, of_cycle in _sorted(
        scores, "cycle_id", "team_id", "rater_token", "subject_token"
    ).groupby("cycle_id"):
        found = [
            (
                team,
                part,
                judge_team(part["rater_token"], part["subject_token"], part["score"], level=1.0),
            )
            for team, part in of_cycle.groupby("team_id")
        ]
        p_values = [one.p_value for _, _, one in found if isinstance(one, Carried)]
        adjusted = iter(_adjusted(p_values))
        for team, part, one in found:
            plan = part["plan_id"].iloc[0]
            row = {"cycle_id": cycle, "team_id": team, "plan_id": None if pd.isna(plan) else plan}
            if isinstance(one, Refusal):
                rows.append(
                    row | {"score_count": len(part), "refusal": f"{one.reason}: {one.detail}"}
                )
                continue
            q = next(adjusted)
            rows.append(
                row
                | {
                    "score_count": one.n,
                    "rater_count": one.raters,
                    "member_count": one.members,
                    "gap_points": one.gap,
                    "gap_without_one_points": one.gap_without_one,
                    "p_value": one.p_value,
                    "adjusted_p_value": q,
                    "verdict": one.verdict if q <= LEVEL else "not_distinguishable",
                }
            )
    return _rounded(rows, PEER_COLUMNS)


def _adjusted(p_values: list[float]) -> list[float]:
    return false_discovery_control(p_values).tolist() if p_values else []


def _sorted(table: pd.DataFrame, *by: str) -> pd.DataFrame:
    return table.sort_values(list(by), ignore_index=True)


def _rounded(rows: list[Row], columns: tuple[str, ...]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=list(columns))
    numbers = found.select_dtypes("float").columns
    return found.assign(**{name: found[name].round(DIGITS) for name in numbers})
