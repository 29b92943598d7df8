"""Data docs: what every rule last said, as pages that open without a network.

Great Expectations writes the words and tables of a page. Its own frame loads 18 things from other
servers, one of them an image that names the visit, so only text and structure are taken over and
laid into a page of ours: one file each, its style inside, no script, and a policy by which a
browser loads nothing else. The pages are made from the counts in `ops.expectation_results`; no
value of any row is in them.
"""

from __future__ import annotations

import html
import tempfile
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestration.ingest.landing import INCOMING
from orchestration.quality.engine import import_library
from orchestration.quality.expectations import CUSTOM_SQL, snake

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import duckdb
    from great_expectations.render.view import DefaultJinjaPageView

    from orchestration.contracts.model import Company, Rule
    from orchestration.quality.marts import MartRules

_LEFT_OUT = frozenset({"script", "style", "svg", "nav", "footer", "button", "form", "noscript"})
_BLOCKS = frozenset({"div", "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "hr"})
_TABLES = frozenset({"table", "thead", "tbody", "tr", "td", "th"})
_KEPT = _BLOCKS | _TABLES | {"span", "strong", "em", "b", "i", "code", "br", "small"}
_VOID = frozenset({"hr", "br"})
_STYLE = """
body {font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
      color: #1c2430; background: #fff}
h1, h2, h3, h4, h5 {line-height: 1.25; font-weight: 600} h1 {font-size: 1.5rem}
table {border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem}
th, td {border-bottom: 1px solid #d8dde5; padding: .4rem .6rem; text-align: left}
th {background: #f3f5f8} td {vertical-align: top}
a {color: #1f5fa8} code, .code-snippet {background: #f3f5f8; padding: 0 .2rem}
.badge {background: #e7ebf1; border-radius: .3rem; padding: 0 .3rem} .text-muted {color: #5b6675}
.failed, .text-danger {color: #a3201b; font-weight: 600} .text-success {color: #1a6b33}
i.fa-check-circle::before {content: "\\2713 passed"} i.fa-times::before {content: "\\2717 failed"}
i.fa-exclamation-triangle::before {content: "! error"} .tooltip, .top {display: none}
/* The library's sidebar and overview: buttons that need a script, and what stands above already. */
.col-lg-2, .ge-section:first-of-type {display: none}
"""
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
_INDEX = "index.html"
_LAST = """
    select * exclude (newest) from (
        select results.subject, results.delivery_date, results.rule_id, results.expectation,
            results.severity, results.owner, results.mostly, results.evaluated,
            results.unexpected, results.success, results.sentence,
            dense_rank() over (
                partition by results.subject
                order by results.delivery_date desc nulls last, runs.place desc
            ) as newest
        from (select *, rowid as place from ops.expectation_results) as results
        join (
            select run_id, subject, max(rowid) as place
            from ops.expectation_results group by run_id, subject
        ) as runs using (run_id, subject)
    )
    where newest = 1
    order by subject, rule_id
"""


@dataclass(frozen=True)
class _Result:
    """What one rule last said; the columns of the query above, in its order."""

    subject: str
    delivery_date: dt.date | None
    rule_id: str
    expectation: str
    severity: str
    owner: str
    mostly: float
    evaluated: int | None
    unexpected: int | None
    success: bool
    sentence: str


def write_docs(
    con: duckdb.DuckDBPyConnection, rules: Mapping[str, Sequence[Rule]], folder: Path
) -> int:
    """Write one page for each feed and mart that has results, and an index of them.

    Parameters
    ----------
    con : duckdb.DuckDBPyConnection
        Of the warehouse.
    rules : mapping
        Feed or mart to its rules: their arguments are not in the log.
    folder : Path
        Replaced as a whole, so that no page outlives what it is about.

    Returns
    -------
    int
        How many pages beside the index.
    """
    by_subject: dict[str, list[_Result]] = {}
    for row in con.execute(_LAST).fetchall():
        by_subject.setdefault(row[0], []).append(_Result(*row))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=INCOMING) as work:
        fresh = Path(work, "fresh")
        fresh.mkdir()
        for subject, results in by_subject.items():
            declared = {rule.id: rule for rule in rules.get(subject, ())}
            fresh.joinpath(f"{subject}.html").write_text(
                _subject_page(subject, results, declared), encoding="utf-8"
            )
        fresh.joinpath(_INDEX).write_text(_index_page(by_subject), encoding="utf-8")
        if folder.exists():
            folder.rename(Path(work, "old"))
        fresh.rename(folder)
    return len(by_subject)


def write_company_docs(
    con: duckdb.DuckDBPyConnection, company: Company, marts: Sequence[MartRules], folder: Path
) -> int:
    """Write the data docs of a company's feeds and of the marts; as `write_docs`."""
    feeds = {
        name: (company.feeds[name].contract if name in company.feeds else canonical).rules
        for name, canonical in company.canonical.items()
    }
    return write_docs(con, feeds | {mart.relation: mart.rules for mart in marts}, folder)


def _index_page(by_subject: Mapping[str, Sequence[_Result]]) -> str:
    rows = []
    for subject, results in by_subject.items():
        failed = [one.rule_id for one in results if not one.success]
        cells = [
            f'<a href="{html.escape(subject)}.html">{html.escape(subject)}</a>',
            str(results[0].delivery_date or "last run"),
            str(len(results)),
            f'<span class="failed">{html.escape(", ".join(failed))}</span>' if failed else "none",
            f"{max((one.evaluated or 0 for one in results), default=0):,}",
            f"{sum(one.unexpected or 0 for one in results):,}",
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Feed or mart", "Delivery", "Rules", "Failed", "Rows", "Rows that fail a rule")
    )
    body = (
        "<h1>Data docs</h1><p>What every rule said of the last delivery of its feed, and of the "
        "marts in the last run. Failing rows are in <code>ops.expectation_failures</code>.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
    return _PAGE.format(title="Data docs", style=_STYLE, body=body)


def _subject_page(subject: str, results: Sequence[_Result], rules: Mapping[str, Rule]) -> str:
    said = "".join(
        f'<li class="{"text-success" if one.success else "failed"}">{html.escape(one.sentence)} '
        f'<span class="text-muted">({html.escape(one.severity)}, {html.escape(one.owner)})</span>'
        "</li>"
        for one in results
    )
    delivery = results[0].delivery_date
    about = f"Delivery of {delivery}" if delivery else "Last run"
    body = (
        f'<p><a href="{_INDEX}">All feeds and marts</a></p><h1>{html.escape(subject)}</h1>'
        f"<p>{about}.</p><ul>{said}</ul>" + _rendered(subject, results, rules)
    )
    return _PAGE.format(title=html.escape(subject), style=_STYLE, body=body)


def _rendered(subject: str, results: Sequence[_Result], rules: Mapping[str, Rule]) -> str:
    """Return the library's own page of the results, as plain structure."""
    import_library()
    from great_expectations.core.expectation_validation_result import (  # noqa: PLC0415
        ExpectationSuiteValidationResult,
    )
    from great_expectations.render.renderer import ValidationResultsPageRenderer  # noqa: PLC0415

    passed = sum(one.success for one in results)
    validation = ExpectationSuiteValidationResult(
        success=passed == len(results),
        results=[_validation(one, rules.get(one.rule_id)) for one in results],
        suite_name=subject,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results),
        },
        meta={},
    )
    page = _view().render(ValidationResultsPageRenderer().render(validation))
    plain = _Plain()
    plain.feed(page)
    plain.close()
    return "".join(plain.parts)


@cache
def _view() -> DefaultJinjaPageView:
    """Return the library's templates: compiled again for each of 48 pages they took 2 s."""
    from great_expectations.render.view import DefaultJinjaPageView  # noqa: PLC0415

    return DefaultJinjaPageView()


def _validation(one: _Result, rule: Rule | None) -> Any:
    from great_expectations.core.expectation_validation_result import (  # noqa: PLC0415
        ExpectationValidationResult,
    )
    from great_expectations.expectations.expectation_configuration import (  # noqa: PLC0415
        ExpectationConfiguration,
    )

    name = snake(one.expectation)
    # Of a rule that is no longer declared the arguments are not known; its result still is.
    kwargs = dict(rule.kwargs) if rule is not None else {}
    counts: dict[str, Any] = {"element_count": one.evaluated, "missing_count": 0}
    if name == CUSTOM_SQL:
        counts = {"observed_value": one.unexpected}
    elif one.evaluated is not None and one.unexpected is not None:
        kwargs["mostly"] = one.mostly
        share = 100 * one.unexpected / one.evaluated if one.evaluated else 0.0
        counts |= {
            "unexpected_count": one.unexpected,
            "unexpected_percent": share,
            "unexpected_percent_nonmissing": share,
            # SUMMARY would list values here, and they may be of people.
            "partial_unexpected_list": [],
        }
    return ExpectationValidationResult(
        success=one.success,
        expectation_config=ExpectationConfiguration(type=name, kwargs=kwargs),
        result=counts,
        exception_info={
            "raised_exception": False,
            "exception_message": None,
            "exception_traceback": None,
        },
    )


class _Plain(HTMLParser):
    """Keeps the text and structure of a page's body, and classes; nothing that loads or runs."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._in_body = False
        self._left_out = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._in_body = True
        elif tag in _LEFT_OUT:
            self._left_out += 1
        elif self._in_body and not self._left_out and tag in _KEPT:
            name = next((value for key, value in attrs if key == "class" and value), "")
            self.parts.append(f'<{tag} class="{html.escape(name)}">' if name else f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEFT_OUT:
            self._left_out -= 1
        elif self._in_body and not self._left_out and tag in _KEPT - _VOID:
            self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._in_body and not self._left_out:
            self.parts.append(html.escape(data))
