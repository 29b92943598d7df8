"""The charts of the notebooks, in one style: what is plotted, what it is measured by, no more.

A chart shows figures that were computed elsewhere; nothing is computed here but the places of text.
Colours are Okabe and Ito's blue and vermilion and Tol's purple, which stay apart for colour-blind
readers; what a colour says, a shape or a label says too. Charts are drawn as SVG in the process
(vl-convert), so a page needs no network and looks alike in every viewer.
"""

from __future__ import annotations

from typing import Any, Final

import altair as alt
import pandas as pd

INK: Final = "#333333"
QUIET: Final = "#767676"
OTHERS: Final = "#B0B0B0"
PALE: Final = "#DDDDDD"
READING: Final = "#0072B2"
SIGNAL: Final = "#D55E00"
RUN: Final = "#AA3377"
WIDTH: Final = 680

RULE_LABELS: Final = {
    "nelson_1": "beyond a limit",
    "nelson_2": "nine on one side",
    "other": "by another rule",
}
RULE_COLOURS: Final = {"nelson_1": SIGNAL, "nelson_2": RUN, "other": RUN}
RULE_SHAPES: Final = {"nelson_1": "diamond", "nelson_2": "square", "other": "triangle-up"}

VERDICT_LABELS: Final = {
    "better_than_peers": "better than peers",
    "worse_than_peers": "worse than peers",
    "within_spread": "within the spread of all",
}
VERDICT_COLOURS: Final = {
    "better_than_peers": READING,
    "worse_than_peers": SIGNAL,
    "within_spread": QUIET,
}
VERDICT_SHAPES: Final = {
    "better_than_peers": "triangle-up",
    "worse_than_peers": "triangle-down",
    "within_spread": "circle",
}


def use_house_style() -> None:
    """Draw every chart of this process in the house style, as SVG."""
    alt.theme.register("steelyard", enable=True)(_theme)
    alt.renderers.enable("svg")


def control_chart(
    points: pd.DataFrame, *, title: str, subtitle: str = "", number_format: str = ".2f"
) -> alt.LayerChart:
    """Return one process on its control chart.

    Parameters
    ----------
    points : DataFrame, one row per charted point, oldest first
        `point` (number from 1) or `period_start_date` (the axis; the number if both are there),
        `reading` (in the KPI's unit), `lower_limit`, `centre`, `upper_limit` (of the point, same
        unit) and `signal_rule` (missing where there is no signal).
    title, subtitle : str
        What is charted, and what to look at.
    number_format : str
        Of D3, for axis and labels.

    Returns
    -------
    LayerChart
        The readings as a line, signals as marks of their own, limits and centre as lines with
        their value at the end. The axis does not begin at 0: limits are what to measure by.
    """
    return _layers(points, number_format, with_labels=True).properties(
        width=WIDTH, height=240, title=_title(title, subtitle), description=title
    )


def small_multiples(
    points: pd.DataFrame,
    *,
    title: str,
    columns: int = 3,
    is_same_scale: bool = False,
    number_format: str = ".2f",
) -> alt.FacetChart:
    """Return many control charts side by side.

    Parameters
    ----------
    points : DataFrame
        As for `control_chart`, with `panel`: the heading of the chart that a point belongs to.
    title, number_format : str
    columns : int
    is_same_scale : bool
        Whether spreads are to be compared from chart to chart; else each has its own scale.
    """
    return (
        _layers(points, number_format, with_labels=False)
        .properties(width=WIDTH // columns - 40, height=120)
        .facet(
            facet=alt.Facet(
                "panel:N",
                title=None,
                sort=list(dict.fromkeys(points["panel"])),
                header=alt.Header(labelFontWeight="bold"),
            ),
            columns=columns,
            title=_title(title, ""),
        )
        .resolve_scale(y="shared" if is_same_scale else "independent")
        .properties(description=title)
    )


def funnel(
    units: pd.DataFrame,
    *,
    title: str,
    subtitle: str = "",
    size_title: str,
    number_format: str = ".2f",
) -> alt.LayerChart:
    """Return units against how much was counted in each, between the limits of their peers.

    Parameters
    ----------
    units : DataFrame, one row per unit
        `entity_id`, `size` (what was counted, above 0), `reading`, `peers_value`,
        `lower_limit`, `upper_limit` (in the KPI's unit) and `verdict` (a key of
        `VERDICT_LABELS`).
    title, subtitle, size_title, number_format : str

    Returns
    -------
    LayerChart
        Units outside the limits carry their name, or all of them where they are eight or fewer.
    """
    drawn = units.sort_values(["size", "entity_id"], ignore_index=True)
    few = 8
    named = drawn if len(drawn) <= few else drawn[drawn["verdict"] != "within_spread"]
    x = alt.X(
        "size:Q",
        title=size_title,
        scale=alt.Scale(type="log", nice=False, padding=24),
        axis=alt.Axis(grid=False, tickCount=5, labelOverlap="greedy", format="~s"),
    )
    y = _y("reading", number_format)
    base = alt.Chart(drawn)
    limits = [
        base.mark_line(color=QUIET, strokeDash=[4, 3]).encode(x=x, y=_y(name, number_format))
        for name in ("lower_limit", "upper_limit")
    ]
    centre = base.mark_line(color=QUIET).encode(x=x, y=_y("peers_value", number_format))
    present = [verdict for verdict in VERDICT_LABELS if verdict in set(drawn["verdict"])]
    marks = base.mark_point(size=70, filled=True, opacity=0.9).encode(
        x=x,
        y=y,
        color=alt.Color(
            "verdict:N",
            scale=alt.Scale(domain=present, range=[VERDICT_COLOURS[one] for one in present]),
            legend=_legend(VERDICT_LABELS, present),
        ),
        shape=alt.Shape(
            "verdict:N",
            scale=alt.Scale(domain=present, range=[VERDICT_SHAPES[one] for one in present]),
        ),
    )
    names = (
        alt.Chart(named)
        .mark_text(dy=-11, color=INK, fontSize=11)
        .encode(x=x, y=y, text="entity_id:N")
    )
    return alt.layer(*limits, centre, marks, names).properties(
        width=WIDTH, height=320, title=_title(title, subtitle), description=title
    )


def ranks(places: pd.DataFrame, *, title: str, subtitle: str = "") -> alt.LayerChart:
    """Return the places of units in a table, month by month; the first is on top.

    Parameters
    ----------
    places : DataFrame, one row per unit and month
        `entity_id`, `period_start_date` and `place` (1 is best).
    title, subtitle : str
    """
    drawn = places.assign(month=_month(places["period_start_date"]))
    months = list(dict.fromkeys(drawn.sort_values("period_start_date")["month"]))
    x = alt.X("month:O", sort=months, title=None, axis=alt.Axis(labelAngle=0))
    last = int(drawn["place"].max())
    y = alt.Y(
        "place:Q",
        title="place in the table",
        scale=alt.Scale(domain=[last + 0.4, 0.6], nice=False),
        axis=alt.Axis(values=list(range(1, last + 1)), format="d", grid=False),
    )
    newest = drawn[drawn["month"] == months[-1]]
    best = newest.loc[newest["place"].idxmin(), "entity_id"]
    is_best = drawn["entity_id"] == best
    paths = []
    # The followed unit lies on top of the others.
    for part, colour in ((drawn[~is_best], OTHERS), (drawn[is_best], SIGNAL)):
        base = alt.Chart(part).encode(x=x, y=y, detail="entity_id:N")
        paths.append(base.mark_line(strokeWidth=2, color=colour))
        paths.append(base.mark_point(filled=True, size=45, opacity=1, color=colour))
    return alt.layer(
        *paths,
        alt.Chart(_named_together(newest, "place"))
        .mark_text(align="left", dx=10, color=INK, fontSize=11)
        .encode(x=x, y=y, text="names:N"),
    ).properties(
        width=WIDTH, height=max(260, 16 * last), title=_title(title, subtitle), description=title
    )


def then_and_now(
    units: pd.DataFrame, *, title: str, subtitle: str = "", number_format: str = ".2f"
) -> alt.LayerChart:
    """Return how figures move from one view of them to another, a line per unit.

    Parameters
    ----------
    units : DataFrame, one row per unit and view
        `entity_id`, `view` (the heading of a column; columns stand in the order of the rows) and
        `reading`. Names stand at the first view; units that would hide each other share a label.
    title, subtitle, number_format : str
    """
    views = list(dict.fromkeys(units["view"]))
    x = alt.X("view:O", sort=views, title=None, axis=alt.Axis(labelAngle=0, domain=False))
    y = _y("reading", number_format)
    base = alt.Chart(units).encode(x=x, y=y, detail="entity_id:N")
    return alt.layer(
        base.mark_line(strokeWidth=1.5, opacity=0.8, color=READING),
        base.mark_point(filled=True, size=40, opacity=1, color=READING),
        alt.Chart(_named_together(units[units["view"] == views[0]], "reading"))
        .mark_text(align="right", dx=-8, color=INK, fontSize=11)
        .encode(x=x, y=y, text="names:N"),
    ).properties(width=380, height=320, title=_title(title, subtitle), description=title)


def bridge(
    parts: pd.DataFrame, *, title: str, subtitle: str = "", number_format: str = ".2f"
) -> alt.LayerChart:
    """Return the way from one figure to another, part by part, each with its interval.

    Parameters
    ----------
    parts : DataFrame, one row per part of one change, in the order in which they are drawn
        `part` (its name), `contribution_value`, `low_value`, `high_value`, and on each row
        `baseline_value` and `outcome_value`, all in the unit of the figure.
    title, subtitle, number_format : str

    Returns
    -------
    LayerChart
        The two figures as points, as the axis does not begin at 0; each part as a bar from where
        the one above it ends, with a line for its interval about its own end. Up is blue and down
        vermilion, and the label has a sign: whether up is good the chart does not say.
    """
    begins = parts["baseline_value"].iloc[0] + parts["contribution_value"].cumsum().shift(1).fillna(
        0
    )
    drawn = parts.assign(
        begin=begins,
        end=begins + parts["contribution_value"],
        low=begins + parts["low_value"],
        high=begins + parts["high_value"],
        way=(parts["contribution_value"] >= 0).map({True: "up", False: "down"}),
    )
    ends = pd.DataFrame(
        {
            "part": ["before", "after"],
            "value": [parts["baseline_value"].iloc[0], parts["outcome_value"].iloc[0]],
        }
    )
    order = ["before", *parts["part"], "after"]
    y = alt.Y("part:N", sort=order, title=None, axis=alt.Axis(labelLimit=220, grid=False))
    colour = alt.Color(
        "way:N", scale=alt.Scale(domain=["up", "down"], range=[READING, SIGNAL]), legend=None
    )
    base = alt.Chart(drawn).encode(y=y)
    return alt.layer(
        base.mark_bar(height=14).encode(x=_x("begin", number_format), x2="end:Q", color=colour),
        base.mark_rule(color=INK).encode(x=_x("low", number_format), x2="high:Q"),
        base.transform_calculate(label=f"format(datum.contribution_value, '+{number_format}')")
        .mark_text(align="left", dx=6, color=INK, fontSize=11)
        .encode(x=_x("high", number_format), text="label:N"),
        alt.Chart(ends)
        .mark_point(filled=True, size=80, color=INK, opacity=1)
        .encode(x=_x("value", number_format), y=y),
        alt.Chart(ends)
        .transform_calculate(label=f"format(datum.value, '{number_format}')")
        .mark_text(align="left", dx=10, color=INK, fontSize=11)
        .encode(x=_x("value", number_format), y=y, text="label:N"),
    ).properties(
        width=WIDTH - 160,
        height=26 * len(order),
        title=_title(title, subtitle),
        description=title,
    )


def bullet(
    units: pd.DataFrame, *, title: str, subtitle: str = "", number_format: str = ".2f"
) -> alt.LayerChart:
    """Return figures against the levels that they are measured by, a row per unit.

    Parameters
    ----------
    units : DataFrame, one row per unit
        `entity_id`, `reading`, `low` and `high` (what it would be read between, of the same
        performance), `threshold_level`, `target_level` and `stretch_level` (in one unit).
    title, subtitle, number_format : str

    Returns
    -------
    LayerChart
        Threshold to target in one grey, target to stretch in a lighter one, the target as a stroke,
        the reading as a point on the line of its noise. Few, *Information Dashboard Design* (2006).
    """
    names = list(dict.fromkeys(units["entity_id"]))
    y = alt.Y("entity_id:N", sort=names, title=None, axis=alt.Axis(grid=False))
    base = alt.Chart(units).encode(y=y)
    return alt.layer(
        base.mark_bar(height=18, color=OTHERS).encode(
            x=_x("threshold_level", number_format), x2="target_level:Q"
        ),
        base.mark_bar(height=18, color=PALE).encode(
            x=_x("target_level", number_format), x2="stretch_level:Q"
        ),
        base.mark_tick(height=22, thickness=3, color=INK).encode(
            x=_x("target_level", number_format)
        ),
        base.mark_rule(color=READING, strokeWidth=2).encode(
            x=_x("low", number_format), x2="high:Q"
        ),
        base.mark_point(filled=True, size=70, color=READING, opacity=1).encode(
            x=_x("reading", number_format)
        ),
    ).properties(
        width=WIDTH - 120,
        height=30 * len(names),
        title=_title(title, subtitle),
        description=title,
    )


def intervals(
    estimates: pd.DataFrame,
    *,
    title: str,
    subtitle: str = "",
    nil: float,
    estimate_title: str,
    number_format: str = ".2f",
) -> alt.LayerChart:
    """Return estimates with their intervals, one under the other, and the value of no effect.

    Parameters
    ----------
    estimates : DataFrame, one row per estimate, first on top
        `name`, `estimate`, `low` and `high` (in one unit).
    title, subtitle, estimate_title, number_format : str
    nil : float
        Where an estimate says that there is nothing.
    """
    names = estimates["name"].tolist()
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(grid=False, domain=False))
    scale = alt.Scale(zero=False, padding=10)
    axis = alt.Axis(format=number_format, grid=False, tickCount=6)
    base = alt.Chart(estimates).encode(y=y)
    return alt.layer(
        alt.Chart(pd.DataFrame({"nil": [nil]}))
        .mark_rule(color=QUIET, strokeDash=[4, 3])
        .encode(x=alt.X("nil:Q", scale=scale)),
        base.mark_rule(color=READING, strokeWidth=2).encode(
            x=alt.X("low:Q", scale=scale, axis=axis, title=estimate_title), x2="high:Q"
        ),
        base.mark_point(color=READING, filled=True, size=60, opacity=1).encode(
            x=alt.X("estimate:Q", scale=scale)
        ),
    ).properties(
        width=WIDTH - 160,
        height=max(90, 24 * len(names)),
        title=_title(title, subtitle),
        description=title,
    )


def groups_over_time(
    means: pd.DataFrame, *, title: str, subtitle: str = "", number_format: str = ".2f"
) -> alt.LayerChart:
    """Return the mean of groups month by month, and when the change began for each.

    Parameters
    ----------
    means : DataFrame, one row per group and month
        `group` (the first one is drawn quietly, for comparison), `period_start_date`, `reading`
        and `starts_on_date` (missing for a group without the change).
    title, subtitle, number_format : str
    """
    groups = list(dict.fromkeys(means["group"]))
    colours = [QUIET, READING, RUN, SIGNAL][: len(groups)]
    scale = alt.Scale(domain=groups, range=colours)
    x = alt.X("period_start_date:T", title=None, axis=alt.Axis(grid=False, format="%b %Y"))
    starts = means.dropna(subset="starts_on_date").drop_duplicates("group")
    starts = starts.assign(period_start_date=starts["starts_on_date"])
    newest = means[means["period_start_date"] == means["period_start_date"].max()]
    colour = alt.Color("group:N", scale=scale, legend=None)
    return alt.layer(
        alt.Chart(starts).mark_rule(strokeDash=[4, 3]).encode(x=x, color=colour),
        alt.Chart(means)
        .mark_line(strokeWidth=2)
        .encode(x=x, y=_y("reading", number_format), color=colour),
        alt.Chart(newest)
        .mark_text(align="left", dx=6, fontSize=11)
        .encode(x=x, y=_y("reading", number_format), text="group:N", color=colour),
    ).properties(width=WIDTH - 120, height=280, title=_title(title, subtitle), description=title)


def _named_together(marks: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one row for marks whose labels would lie on each other, with all their `names`."""
    lines = 25  # of text, one above the other, in a chart of this height
    ordered = marks.sort_values([column, "entity_id"], ignore_index=True)
    reach = (ordered[column].max() - ordered[column].min()) / lines
    cluster = (ordered[column].diff() > reach).cumsum()
    first = ordered.groupby(cluster).first()
    return first.assign(names=ordered.groupby(cluster)["entity_id"].agg(", ".join))


def _layers(points: pd.DataFrame, number_format: str, *, with_labels: bool) -> alt.LayerChart:
    is_numbered = "point" in points
    x = (
        alt.X("point:Q", title="point", scale=alt.Scale(nice=False, padding=8))
        if is_numbered
        else alt.X("period_start_date:T", title=None, scale=alt.Scale(padding=8))
    )
    if is_numbered:
        x = x.axis(tickMinStep=1, format="d", grid=False)
    else:
        x = x.axis(grid=False, format="%b %Y", tickCount=6 if with_labels else 3)
    y = _y("reading", number_format)
    # The layers have no data of their own: what is divided into panels is the data of all.
    base = alt.Chart()
    # A step belongs to its point: limits of counts change with what was counted.
    lines = [
        base.mark_line(color=QUIET, interpolate="step", strokeDash=dash).encode(
            x=x, y=_y(name, number_format)
        )
        for name, dash in (("lower_limit", [4, 3]), ("centre", [1, 0]), ("upper_limit", [4, 3]))
    ]
    named = points["signal_rule"].isin(RULE_LABELS) | points["signal_rule"].isna()
    points = points.assign(signal_rule=points["signal_rule"].where(named, "other"))
    present = [rule for rule in RULE_LABELS if rule in set(points["signal_rule"])]
    size = 28 if with_labels else 14
    readings = [
        base.mark_line(color=READING, strokeWidth=1.2, opacity=0.6).encode(x=x, y=y),
        base.mark_point(color=READING, filled=True, size=size, opacity=1).encode(x=x, y=y),
    ]
    marked = (
        base.transform_filter("isValid(datum.signal_rule)")
        .mark_point(filled=True, size=4 * size, opacity=1)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "signal_rule:N",
                scale=alt.Scale(domain=present, range=[RULE_COLOURS[one] for one in present]),
                legend=_legend(RULE_LABELS, present) if present else None,
            ),
            shape=alt.Shape(
                "signal_rule:N",
                scale=alt.Scale(domain=present, range=[RULE_SHAPES[one] for one in present]),
            ),
        )
    )
    labels = _line_labels(points, x, number_format) if with_labels else []
    drawn = points if is_numbered else _with_dates(points)
    return alt.layer(*lines, *readings, marked, *labels, data=drawn)


def _line_labels(drawn: pd.DataFrame, x: alt.X, number_format: str) -> list[alt.Chart]:
    """Name the lines at their last point, with their value there."""
    last = drawn.tail(1) if "point" in drawn else _with_dates(drawn.tail(1))
    return [
        alt.Chart(last)
        .transform_calculate(label=f"'{word} ' + format(datum.{name}, '{number_format}')")
        .mark_text(align="left", dx=10, color=QUIET, fontSize=11)
        .encode(x=x, y=_y(name, number_format), text="label:N")
        for name, word in (("upper_limit", "upper"), ("centre", "centre"), ("lower_limit", "lower"))
    ]


def _y(name: str, number_format: str) -> alt.Y:
    return alt.Y(
        f"{name}:Q",
        title=None,
        scale=alt.Scale(zero=False, padding=10),
        axis=alt.Axis(format=number_format, grid=False, tickCount=5),
    )


def _x(name: str, number_format: str) -> alt.X:
    return alt.X(
        f"{name}:Q",
        title=None,
        scale=alt.Scale(zero=False, padding=24),
        axis=alt.Axis(format=number_format, grid=False, tickCount=5),
    )


def _legend(labels: dict[str, str], present: list[str]) -> alt.Legend:
    words = " : ".join(f"datum.value == '{one}' ? '{labels[one]}'" for one in present)
    return alt.Legend(title=None, orient="top", labelExpr=f"{words} : datum.value")


def _title(title: str, subtitle: str) -> alt.TitleParams:
    return alt.TitleParams(text=title, subtitle=[subtitle] if subtitle else [])


def _with_dates(points: pd.DataFrame) -> pd.DataFrame:
    return points.assign(period_start_date=pd.to_datetime(points["period_start_date"]))


def _month(dates: pd.Series) -> pd.Series:
    return pd.to_datetime(dates).dt.strftime("%b %y")


def _theme() -> dict[str, Any]:
    return {
        "config": {
            "font": "sans-serif",
            "background": "white",
            "view": {"stroke": None},
            "title": {
                "anchor": "start", "fontSize": 14, "color": INK, "subtitleColor": QUIET,
                "subtitleFontSize": 12, "offset": 12,
            },
            "axis": {
                "labelColor": QUIET, "titleColor": QUIET, "titleFontWeight": "normal",
                "domainColor": QUIET, "tickColor": QUIET, "labelFontSize": 11,
            },
            "legend": {"labelColor": INK, "labelFontSize": 12, "symbolOpacity": 1},
            "header": {"labelColor": INK, "labelFontSize": 11},
        }
    }  # fmt: skip
