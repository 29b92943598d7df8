"""Which rules a chart obeys, by the name of the set, and what each point violates as one bit mask.

A convention is text that a register, an act or a mart can hold: names of sets or rules, and the
charts with a memory that stand beside, joined by plus signs: ``nelson_1_2``,
``western_electric+nelson_3``, ``nelson_1_2+ewma(0.2,2.86)``, ``limits+cusum(0.5,5)``.
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from orchestration.statistics.spc.flat import Bools, Floats, Ints
from orchestration.statistics.spc.patterns import WITHOUT_SIDE, Points, Rule, ends_of
from orchestration.statistics.spc.rules import RULES
from orchestration.statistics.spc.scan import scan_cusum, scan_ewma

Masks = NDArray[np.int32]
Sides = NDArray[np.int8]

PATTERNS: Final = MappingProxyType(
    {
        **{f"nelson_{number}": RULES[f"nelson{number}"] for number in range(1, 9)},
        "we_4": RULES["we4"],
        "nhs_run": replace(RULES["nelson2"], length=7),
        "nhs_trend": replace(RULES["nelson3"], length=7),
        "nhs_two_in_three": Rule("zone_within", length=3, count=2, sigmas=2),
    }
)
"""Rules that are a pattern of points."""

RULE_NAMES: Final = (*PATTERNS, "anhoej_run", "anhoej_crossings", "ewma", "cusum")
"""The i-th has the bit ``1 << i`` in every mask. New ones come at the end: masks are stored."""
BIT_OF: Final = MappingProxyType({name: 1 << at for at, name in enumerate(RULE_NAMES)})
DEFAULT: Final = "nelson_1_2"
_WESTERN_ELECTRIC: Final = ("nelson_1", "nelson_5", "nelson_6", "we_4")

RULE_SETS: Final = MappingProxyType(
    {
        "limits": ("nelson_1",),
        "nelson_1_2": ("nelson_1", "nelson_2"),
        "nhs": ("nelson_1", "nhs_run", "nhs_trend", "nhs_two_in_three"),
        "anhoej": ("nelson_1", "anhoej_run", "anhoej_crossings"),
        "western_electric": _WESTERN_ELECTRIC,
        "nelson": tuple(f"nelson_{number}" for number in range(1, 9)),
        "montgomery": (*_WESTERN_ELECTRIC, "nelson_3", "nelson_4", "nelson_7", "nelson_8"),
    }
)
"""Sources and conventions as in `presets.PRESETS`. A point is flagged when it completes a pattern,
in all of them: a verdict that was given is not taken back by what comes later. Limits stay those
of the chart, screened or not; Anhoej's rules are taken about the chart's centre (as qicharts2
does for an I chart)."""

WITHOUT_SIGMA: Final = (
    "nelson_1", "nelson_2", "nelson_3", "nelson_4", "we_4", "nhs_run", "nhs_trend",
    "anhoej_run", "anhoej_crossings",
)  # fmt: skip
"""What may be asked of a chart with limits and a centre, but no zones (g)."""

_MEMORY: Final = re.compile(r"(ewma|cusum)\(([0-9.]+),([0-9.]+)\)")


@dataclass(frozen=True)
class Convention:
    """What a convention asks for.

    Attributes
    ----------
    mask : int
        Bits of its rules.
    ewma : tuple of float or None
        Weight of the newest reading, and limit in asymptotic standard deviations.
    cusum : tuple of float or None
        Slack and decision interval, in sigma.
    """

    mask: int
    ewma: tuple[float, float] | None = None
    cusum: tuple[float, float] | None = None

    @property
    def is_default(self) -> bool:
        """Whether it asks for no more than rules 1 and 2 of Nelson."""
        return self.mask & ~(BIT_OF["nelson_1"] | BIT_OF["nelson_2"]) == 0


@cache
def read_convention(text: str) -> Convention:
    """Return what a convention asks for.

    Raises
    ------
    ValueError
        If a part of it is unknown.

    Examples
    --------
    >>> read_convention("nelson_1_2+ewma(0.2,2.86)")
    Convention(mask=16387, ewma=(0.2, 2.86), cusum=None)
    """
    mask = 0
    memory: dict[str, tuple[float, float]] = {}
    for part in text.split("+"):
        found = _MEMORY.fullmatch(part)
        if found is not None:
            memory[found[1]] = float(found[2]), float(found[3])
            mask |= BIT_OF[found[1]]
        elif part in RULE_SETS:
            mask |= sum(BIT_OF[name] for name in set(RULE_SETS[part]))
        elif part in PATTERNS or part in {"anhoej_run", "anhoej_crossings"}:
            mask |= BIT_OF[part]
        else:
            raise ValueError(
                f"unknown rule {part!r} in {text!r}; sets: {', '.join(RULE_SETS)}; rules: "
                f"{', '.join(PATTERNS)}, anhoej_run, anhoej_crossings, ewma(weight,limit), "
                "cusum(k,h)"
            )
    return Convention(mask, memory.get("ewma"), memory.get("cusum"))


def names_of(mask: int) -> tuple[str, ...]:
    """Return the rules of a mask.

    Examples
    --------
    >>> names_of(3)
    ('nelson_1', 'nelson_2')
    """
    return tuple(name for name, bit in BIT_OF.items() if mask & bit)


def further_violations(
    values: Floats,
    convention: Convention,
    *,
    centre: Floats,
    sigma: Floats,
    series_start: Ints,
) -> list[tuple[str, Bools, Sides]]:
    """Return where the rules of a convention beyond Nelson's 1 and 2 hold.

    Parameters
    ----------
    values, centre, sigma : ndarray, shape (n,)
        Points and their lines; NaN marks a missing reading, which fills its place, ends runs and
        leaves what has a memory as it stands.
    convention : Convention
    series_start : ndarray of int
        Position of each series' first point.

    Returns
    -------
    list of (rule, ndarray of bool, ndarray of int8)
        In order of the bits: the points that complete the rule's pattern, and their side where it
        has one.
    """
    points = Points.of(values, centre, sigma, series_start)
    found: list[tuple[str, Bools, Sides]] = []
    for name, rule in PATTERNS.items():
        if convention.mask & BIT_OF[name] and name not in RULE_SETS[DEFAULT]:
            up, down = ends_of(points, rule)
            side = up.astype(np.int8) - down.astype(np.int8)
            found.append(
                (name, up | down, np.zeros_like(side) if rule.pattern in WITHOUT_SIDE else side)
            )
    if convention.mask & (BIT_OF["anhoej_run"] | BIT_OF["anhoej_crossings"]):
        found += [one for one in _anhoej(points) if convention.mask & BIT_OF[one[0]]]
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = points.offset / points.scale
    zero, one = np.zeros(series_start.size), np.ones(series_start.size)
    if convention.ewma is not None:
        weight, limit = convention.ewma
        side = scan_ewma(
            distance,
            centre=zero,
            sigma=one,
            series_start=series_start,
            weight=weight,
            limit_sigmas=limit,
        ).side
        found.append(("ewma", side != 0, side))
    if convention.cusum is not None:
        k, h = convention.cusum
        side = scan_cusum(
            distance, centre=zero, sigma=one, series_start=series_start, k=k, h=h
        ).side
        found.append(("cusum", side != 0, side))
    return found


def _anhoej(points: Points) -> list[tuple[str, Bools, Sides]]:
    """Tell runs longer, and crossings fewer, than chance allows for the readings seen so far.

    Readings on the centre and missing ones neither count nor end a run (Anhoej and Olesen 2014).
    The side is that of the reading.
    """
    above, below = points.beyond(0.0)
    useful = above | below
    up = above[useful]
    count = points.take(useful).seen.astype(np.int64)
    begins = count == 1
    turns = np.append(False, up[1:] != up[:-1]) & ~begins
    at = np.arange(up.size)
    run = at - np.maximum.accumulate(np.where(turns | begins, at, 0)) + 1
    crossed = np.cumsum(turns)
    crossings = crossed - np.maximum.accumulate(np.where(begins, crossed, 0))
    known = np.arange(1, int(count.max(initial=1)) + 1)
    longest = np.rint(np.log2(known)) + 3
    fewest = binom.ppf(0.05, known - 1, 0.5)
    fewest[0] = 0
    side = np.where(up, 1, -1).astype(np.int8)
    result = []
    for name, flagged in (
        ("anhoej_run", run > longest[count - 1]),
        ("anhoej_crossings", crossings < fewest[count - 1]),
    ):
        where, sides = np.zeros(useful.size, np.bool_), np.zeros(useful.size, np.int8)
        where[useful], sides[useful] = flagged, np.where(flagged, side, 0)
        result.append((name, where, sides))
    return result
