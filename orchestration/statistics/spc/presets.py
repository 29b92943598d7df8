"""What tools and books mean by an I-MR chart with run rules: every convention by its name."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from orchestration.statistics.refusal import Refusal
from orchestration.statistics.spc.constants import D2_TABLE
from orchestration.statistics.spc.flat import Bools, Floats, Ints
from orchestration.statistics.spc.individuals import IndividualsChart, individuals_chart
from orchestration.statistics.spc.patterns import Rule
from orchestration.statistics.spc.rules import RULES, RuleFlags, flag_rule

Gaps = Literal["hold", "cut", "bridge"]


@dataclass(frozen=True)
class Preset:
    """The conventions of one tool or book.

    Attributes
    ----------
    rules : mapping of str to Rule
        Its rules, with their lengths, ties, third point and forms.
    all_members : bool
        Whether all points of a pattern are flagged, or those from the completing one on.
    d2 : float
        Divisor of the mean moving range.
    screen_moving_ranges : bool
        Whether moving ranges of 3.267 times their mean are left out once.
    gaps : str
        A missing reading. ``hold``: it ends runs, and fills its place in a window of points.
        ``cut``: no pattern crosses it. ``bridge``: it is dropped, and its neighbours meet, in
        moving ranges too.
    source : str
        Where this is said, or the version whose behaviour it is.
    """

    rules: Mapping[str, Rule]
    source: str
    all_members: bool = False
    d2: float = D2_TABLE
    screen_moving_ranges: bool = False
    gaps: Gaps = "hold"


def _nelson(**changes: Rule) -> Mapping[str, Rule]:
    named = {name: rule for name, rule in RULES.items() if name.startswith("nelson")}
    return MappingProxyType(named | changes)


_WESTERN_ELECTRIC: Final = MappingProxyType(
    {name: rule for name, rule in RULES.items() if name.startswith("we")}
)
_EITHER_SIDE: Final = replace(RULES["nelson8"], pattern="outside")

PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "nelson": Preset(_nelson(), "Nelson, Journal of Quality Technology 16 (1984) 237-239"),
        "western_electric": Preset(
            _WESTERN_ELECTRIC, "Statistical Quality Control Handbook (1956), zone tests"
        ),
        "montgomery": Preset(
            MappingProxyType(
                {
                    **_WESTERN_ELECTRIC,
                    "trend": RULES["nelson3"],
                    "within": RULES["nelson7"],
                    "alternating": RULES["nelson4"],
                    "outside": RULES["nelson8"],
                }
            ),
            "Montgomery, Introduction to Statistical Quality Control, table 'Some Sensitizing "
            "Rules for Shewhart Control Charts'",
        ),
        "qcc": Preset(
            MappingProxyType({**_WESTERN_ELECTRIC, **_nelson()}),
            "R qcc 3.0, qccRules: rule 8 asks for both sides, a point on a line of rule 7 is "
            "inside; missing readings are dropped before",
            gaps="bridge",
        ),
        "minitab": Preset(
            _nelson(nelson8=_EITHER_SIDE),
            "Minitab, Using tests for special causes: tests 7 and 8 are met on either side; "
            "missing readings as pccpy takes them after Minitab",
            gaps="cut",
        ),
        "jmp": Preset(
            _nelson(),
            "JMP, Control Chart Builder, Warnings: tests 7 and 8 apply to the whole chart; a point "
            "on a line belongs to the inner zone; counts do not begin anew after a signal",
        ),
        "pccpy": Preset(
            _nelson(nelson8=_EITHER_SIDE),
            "pccpy 0.16.2, rules.apply_tests; only a point exactly on a line of rule 7 differs: "
            "there it is outside",
            gaps="cut",
        ),
        "qicharts2": Preset(
            MappingProxyType({"nelson1": RULES["nelson1"]}),
            "R qicharts2 0.8.1: limits from screened moving ranges; runs are judged by the Anhoej "
            "rules (`runs.analyse_runs`)",
            screen_moving_ranges=True,
        ),
        "nhs": Preset(
            MappingProxyType(
                {
                    "beyond": RULES["nelson1"],
                    "trend": replace(RULES["nelson3"], length=7),
                    "one_side": replace(RULES["nelson2"], length=7),
                }
            ),
            "NHS Making Data Count, R NHSRplotthedots 0.2.2; two in three has a form of its own "
            "(`nhs.nhs_chart`)",
            all_members=True,
            screen_moving_ranges=True,
        ),
    }
)


@dataclass(frozen=True)
class PresetChart:
    """An I-MR chart with rules as one tool draws it.

    Attributes
    ----------
    chart : IndividualsChart
        Lines of every point, also of those without a reading.
    flags : mapping of str to RuleFlags
        By the name of the rule, shape (n,) each.
    preset : Preset
    """

    chart: IndividualsChart
    flags: Mapping[str, RuleFlags]
    preset: Preset


def individuals_by(preset: Preset, values: ArrayLike) -> PresetChart | Refusal:
    """Return the I-MR chart of one series by named conventions.

    Parameters
    ----------
    preset : Preset
        One of `PRESETS`, or one with changes (`dataclasses.replace`).
    values : array_like, shape (n,)
        Readings, oldest first; NaN marks a period without one.

    Returns
    -------
    PresetChart or Refusal
        Refused as `individuals_chart`.

    Examples
    --------
    >>> drawn = individuals_by(PRESETS["minitab"], [10, 12, 11, 13, 10, 12, 11, 30])
    >>> [name for name, found in drawn.flags.items() if found.flagged.any()]
    ['nelson1']
    """
    points = np.asarray(values, dtype=np.float64)
    chart = individuals_chart(
        points,
        screen_moving_ranges=preset.screen_moving_ranges,
        bridge_gaps=preset.gaps == "bridge",
        d2=preset.d2,
    )
    if isinstance(chart, Refusal):
        return chart
    flags = {
        name: flag_with_gaps(
            points,
            rule,
            centre=float(chart.centre[0]),
            sigma=float(chart.sigma[0]),
            gaps=preset.gaps,
            all_members=preset.all_members,
        )
        for name, rule in preset.rules.items()
    }
    return PresetChart(chart, MappingProxyType(flags), preset)


def flag_with_gaps(
    values: Floats,
    rule: Rule,
    *,
    centre: float,
    sigma: float,
    gaps: Gaps = "hold",
    all_members: bool = False,
) -> RuleFlags:
    """Return where a rule holds in one series, missing readings taken as declared.

    Parameters as in `rules.flag_rule`; ``gaps`` as in `Preset`.

    Raises
    ------
    ValueError
        If ``gaps`` is unknown.
    """
    flag = partial(flag_rule, rule=rule, centre=centre, sigma=sigma, all_members=all_members)
    if gaps == "hold":
        return flag(values)
    there = np.isfinite(values)
    if gaps == "cut":
        return flag(values, series_start=_after_gaps(there))
    if gaps != "bridge":
        raise ValueError(f"unknown handling of gaps {gaps}; known: hold, cut, bridge")
    found = flag(values[there])
    flagged, side = np.zeros(there.size, dtype=np.bool_), np.zeros(there.size, dtype=np.int8)
    flagged[there], side[there] = found.flagged, found.side
    return RuleFlags(flagged, side)


def _after_gaps(there: Bools) -> Ints:
    """Return where readings begin, and begin again after missing ones."""
    begins = np.append(True, there[1:] & ~there[:-1])
    return np.flatnonzero(begins).astype(np.int64)
