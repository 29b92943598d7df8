"""Books beside production: customers, stores, ledger and the outside world, as files.

Each book writes its feeds for the history and for a day, in the dialect of its system, and says
what was planted in it. The models draw; nothing here does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from orchestration.demo import text
from orchestration.demo.customers import DEFECTS, SHOCK_LATE, TAKEN_BACK_SHARE, WORDS, Sales, sell
from orchestration.demo.exports import FIRST_MATERIAL, FIRST_PRODUCT
from orchestration.demo.external import FACTORS, LEAD_DAYS, Series, observe
from orchestration.demo.faults import File
from orchestration.demo.finance import (
    ACCOUNTS,
    BASE_CURRENCY,
    Ledger,
    keep_books,
    known_share,
    quote_rates,
)
from orchestration.demo.size import day_number, day_of
from orchestration.demo.stock import SHOCK_FACTOR, SHOCK_LAG_DAYS, items, level
from orchestration.demo.text import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestration.demo.company import Company, Ints
    from orchestration.demo.plant import Plants

FIRST_SALES_ORDER, FIRST_DELIVERY, FIRST_CUSTOMER = 10_000_001, 80_000_001, 200_001
OPEN_LINE, PARTLY, DELIVERED, CANCELLED = range(4)
CARRIERS = ["DACHSER", "DHL FREIGHT", "KUEHNE NAGEL"]
MONTHS_PER_FILE = 6
BUDGET = "B1"


def trade_books(company: Company, plants: Plants) -> tuple[Customers, Stores, Finance, Outside]:
    """Return the books of a company, drawn from its facts."""
    sales, series = sell(company, plants.products), observe(company)
    ledger = keep_books(company, sales.lines, series)
    return (
        Customers(company, sales),
        Stores(company, plants),
        Finance(company, ledger),
        Outside(company, series),
    )


def _spans(months: list[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """Return first day, last day and label of each file of the history.

    A file costs a tenth of a second to judge, whatever it holds; half a year is enough a file.
    """
    parts = [months[n : n + MONTHS_PER_FILE] for n in range(0, len(months), MONTHS_PER_FILE)]
    return [(part[0][0], part[-1][1], f"{day_of(part[0][0]):%Y%m}") for part in parts]


def _daily(day: int) -> partial[File]:
    return partial(File, delivered=day + 1, label=f"{day_of(day):%Y%m%d}")


class Customers:
    """Order lines and deliveries from the ERP, complaints from customer service."""

    def __init__(self, company: Company, sales: Sales) -> None:
        self.company, self.sales = company, sales
        complaints = sales.complaints
        # What happens to a row is told once, by the latest of its moments in the span.
        self._moments = {
            "erp_sales_order_lines": sales.lines.moments(),
            "erp_deliveries": (sales.shipments.issued, sales.shipments.arrived),
            "erp_complaints_returns": (complaints.opened, complaints.decided),
        }
        self._write = {
            "erp_sales_order_lines": self._order_lines,
            "erp_deliveries": self._deliveries,
            "erp_complaints_returns": self._complaints,
        }

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield the files of the first delivery."""
        cut = self.company.size.cut
        for number, (start, end, label) in enumerate(_spans(months)):
            low = 0 if number == 0 else start
            for feed, moments in self._moments.items():
                known = moments[0] <= cut
                last = np.max([np.where(day <= cut, day, 0) for day in moments], axis=0)
                rows = np.flatnonzero(known & (last >= low) & (last <= end))
                yield File(feed, cut + 1, label, self._write[feed](rows, cut))

    def daily(self, day: int) -> Iterator[File]:
        """Yield the files of the delivery that carries one production day."""
        file = _daily(day)
        for feed, moments in self._moments.items():
            rows = np.flatnonzero(np.any([moment == day for moment in moments], axis=0))
            yield file(feed, content=self._write[feed](rows, day))

    def truth(self) -> dict[str, object]:
        """Return what was planted."""
        sales = self.sales
        return {
            "customer_orders": {
                site.code: {
                    "late_share": round(float(sales.late_share[n]), 5),
                    "short_share": round(float(sales.short_share[n]), 5),
                    "damaged_share": round(float(sales.damaged_share[n]), 5),
                }
                for n, site in enumerate(self.company.sites)
            },
            "late_share_added_by_supply_shock": SHOCK_LATE,
            "taken_back_share": TAKEN_BACK_SHARE,
        }

    def _order_lines(self, rows: Ints, day: int) -> bytes:
        lines, sites = self.sales.lines, self.company.sites
        status = np.select(
            [
                lines.cancelled[rows] <= day,
                lines.completed[rows] <= day,
                lines.first_issue[rows] <= day,
            ],
            [CANCELLED, DELIVERED, PARTLY],
            OPEN_LINE,
        )
        site = lines.site[rows]
        confirmed = np.where(lines.ordered[rows] < day, lines.confirmed[rows], OPEN)
        return text.delimited(
            {
                "VBELN": text.whole(lines.order[rows] + FIRST_SALES_ORDER, width=10),
                "POSNR": text.whole(lines.line[rows] * 10, width=6),
                "ETENR": text.whole(lines.schedule[rows], width=4),
                "VKORG": text.pick([f"{s.country}01" for s in sites], site),
                "WERKS": text.pick([s.plant for s in sites], site),
                "KUNNR": text.whole(lines.customer[rows] + FIRST_CUSTOMER, width=10),
                "MATNR": text.whole(lines.product[rows] + FIRST_PRODUCT, width=18),
                "WMENG": text.decimal(lines.quantity[rows] * 1000, 3, mark=","),
                "VRKME": text.same("ST", len(rows)),
                "NETWR": text.decimal(lines.value_cents[rows], 2, mark=","),
                "WAERK": text.pick([s.currency for s in sites], site),
                "AUDAT": text.sap_days(lines.ordered[rows]),
                "WADAT": text.sap_days(lines.requested[rows]),
                "EDATU": text.sap_days(confirmed),
                "GBSTK": text.pick(["A", "B", "C", "X"], status),
            },
            mark=";",
        )

    def _deliveries(self, rows: Ints, day: int) -> bytes:
        sent, lines = self.sales.shipments, self.sales.lines
        of, back = sent.of[rows], sent.reverses[rows]
        arrived = np.where(sent.arrived[rows] <= day, sent.arrived[rows], OPEN)
        taken_back = text.whole(sent.document[np.maximum(back, 0)] + FIRST_DELIVERY, width=10)
        return text.delimited(
            {
                "VBELN": text.whole(sent.document[rows] + FIRST_DELIVERY, width=10),
                "POSNR": text.whole(sent.position[rows] * 10, width=6),
                "VGBEL": text.whole(lines.order[of] + FIRST_SALES_ORDER, width=10),
                "VGPOS": text.whole(lines.line[of] * 10, width=6),
                "LFIMG": text.decimal(sent.quantity[rows] * 1000, 3, mark=",", minus="behind"),
                "VRKME": text.same("ST", len(rows)),
                "WADAT_IST": text.sap_days(sent.issued[rows]),
                "LFDAT": text.sap_days(arrived),
                # One proof of delivery in ten is never scanned.
                "PODAT": text.sap_days(np.where(rows % 10 == 0, OPEN, arrived)),
                "SPEDI": text.pick(CARRIERS, of % len(CARRIERS)),
                "SMBLN": taken_back.take(pa.array(np.arange(len(rows)), mask=back < 0)),
            },
            mark=";",
        )

    def _complaints(self, rows: Ints, day: int) -> bytes:
        told, lines = self.sales.complaints, self.sales.lines
        of = told.of[rows]
        offset = np.zeros(len(rows), np.int64)
        for number, zone in enumerate(self.company.zones):
            here = lines.site[of] == number
            offset[here] = zone.offset(told.at[rows][here])
        open_yet = told.decided[rows] > day
        order = text.whole(lines.order[of] + FIRST_SALES_ORDER, width=10)
        cost = told.quantity[rows] * lines.value_cents[of] // lines.quantity[of]
        return text.json_lines(
            {
                "complaint_id": text.join("Q", text.whole(told.number[rows], width=7)),
                "line_no": text.whole(told.line[rows]),
                "customer_id": text.whole(lines.customer[of] + FIRST_CUSTOMER, width=10),
                "order_id": order.take(pa.array(np.arange(len(rows)), mask=~told.named[rows])),
                "product_id": text.whole(lines.product[of] + FIRST_PRODUCT, width=18),
                "batch_id": text.join("B", text.whole(lines.order[of] % 9_000 + 1_000)),
                "opened_ts": text.instants(told.at[rows], offset),
                "closed_ts": text.instants(
                    told.at[rows] + (told.decided[rows] - told.opened[rows]) * 86_400,
                    offset,
                    missing=open_yet,
                ),
                "defect_code": text.pick(list(DEFECTS), told.defect[rows]),
                "qty": text.whole(told.quantity[rows]),
                "severity": text.pick(["minor", "major", "critical"], told.severity[rows]),
                "justified": text.pick(
                    ["false", "true"], np.where(open_yet, -1, told.justified[rows])
                ),
                "cost": text.decimal(np.where(told.justified[rows] & ~open_yet, cost, 0), 2),
                "description": text.pick(list(WORDS), told.defect[rows]),
            },
            bare=("line_no", "qty", "justified", "cost"),
        )


class Stores:
    """Stock of each Friday of the history, then of each day."""

    def __init__(self, company: Company, plants: Plants) -> None:
        self.company, self.items = company, items(company, plants.products)

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield the files of the first delivery."""
        cut = self.company.size.cut
        for start, end, label in _spans(months):
            days = np.arange(start, end + 1)
            fridays = days[(days - 1) % 7 == 0]  # 1970-01-02 was one
            rows = [self._rows(day) for day in fridays.tolist()]
            content = rows[0][: rows[0].index(b"\n") + 1]
            content += b"".join(part[part.index(b"\n") + 1 :] for part in rows)
            yield File("erp_inventory_snapshots", cut + 1, label, content)

    def daily(self, day: int) -> Iterator[File]:
        """Yield the files of the delivery that carries one production day."""
        yield _daily(day)("erp_inventory_snapshots", content=self._rows(day))

    def truth(self) -> dict[str, object]:
        """Return what was planted."""
        return {
            "material_stock_in_supply_shock": {
                "factor": SHOCK_FACTOR,
                "lag_days": SHOCK_LAG_DAYS,
            }
        }

    def _rows(self, day: int) -> bytes:
        kept, sites = self.items, self.company.sites
        stock = level(self.company, kept, day)
        # Finished goods lie in two batches, the older one with a third of the stock.
        made = kept.product >= 0
        item = np.r_[np.arange(len(stock)), np.flatnonzero(made)]
        older = np.r_[np.zeros(len(stock), bool), np.ones(made.sum(), bool)]
        third = stock[item] // 3
        quantity = np.where(older, third, np.where(made[item], stock[item] - third, stock[item]))
        number = (day // 28) % 9_000 + 1_000 - older
        batch = text.join("B", text.whole(number))
        site = kept.site[item]
        material = np.where(
            made[item], kept.product[item] + FIRST_PRODUCT, kept.material[item] + FIRST_MATERIAL
        )
        return text.delimited(
            {
                "BUDAT": text.sap_days(np.full(len(item), day)),
                "WERKS": text.pick([s.plant for s in sites], site),
                "LGORT": text.pick(["RM01", "FG01"], made[item].astype(np.int8)),
                "MATNR": text.whole(material, width=18),
                # The extract says NONE where materials are not kept by batch.
                "CHARG": pa.array(
                    np.where(made[item], batch.to_numpy(zero_copy_only=False), "NONE").tolist()
                ),
                "LABST": text.decimal(quantity * 1000, 3, mark=",", minus="behind"),
                "MEINS": text.same("ST", len(item)),
                "SALK3": text.decimal(
                    quantity * kept.cost_cents[item], 2, mark=",", minus="behind"
                ),
                "WAERS": text.pick([s.currency for s in sites], site),
                "EISBE": text.decimal(kept.safety[item] * 1000, 3, mark=","),
            },
            mark=";",
        )


class Finance:
    """Balances and rates of the finance system: `|` between fields and no header."""

    def __init__(self, company: Company, ledger: Ledger) -> None:
        self.company, self.ledger, self.rates = company, ledger, quote_rates(company)

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield the files of the first delivery."""
        cut = self.company.size.cut
        for start, end, label in _spans(months):
            file = partial(File, delivered=cut + 1, label=label)
            rows = np.flatnonzero((self.ledger.month >= start) & (self.ledger.month <= end))
            budget = self._balances(rows, cut, scenario="budget")
            yield file("erp_gl_balances", content=self._balances(rows, cut) + budget)
            days = np.flatnonzero((self.rates.day >= start) & (self.rates.day <= end))
            yield file("fx_rates", content=self._rates(days))

    def daily(self, day: int) -> Iterator[File]:
        """Yield the files of the delivery that carries one production day."""
        file = _daily(day)
        yield file("fx_rates", content=self._rates(np.flatnonzero(self.rates.day == day)))
        cut = self.company.size.cut
        last = day_number(day_of(cut).replace(day=1))
        if known_share(self.company, last, day) > known_share(self.company, last, day - 1):
            rows = np.flatnonzero(self.ledger.month == last)
            yield file("erp_gl_balances", content=self._balances(rows, day))

    def truth(self) -> dict[str, object]:
        """Return what was planted."""
        return {"revenue_account": "value of the order lines completed in the month, per site"}

    def _balances(self, rows: Ints, day: int, *, scenario: str = "actual") -> bytes:
        ledger, company = self.ledger, self.company
        month, unit = ledger.month[rows], ledger.unit[rows]
        starts = month.astype("datetime64[D]").astype("datetime64[M]")
        closing = (starts + 1).astype("datetime64[D]").astype(np.int64) - 1
        amount = ledger.budget[rows]
        if scenario == "actual":
            known = [known_share(company, m, day) for m in month.tolist()]
            amount = np.round(ledger.actual[rows] * np.array(known)).astype(np.int64)
        number = starts.astype(np.int64)
        sites = company.sites
        return _bare(
            text.pick([f"{s.country}10" for s in sites], ledger.site[rows]),
            text.same("0L", len(rows)),
            text.whole(number // 12 + 1970),
            text.whole(number % 12 + 1, width=3),
            text.same({"actual": "A", "budget": "B"}[scenario], len(rows)),
            text.same({"actual": "1", "budget": BUDGET}[scenario], len(rows)),
            text.join("CC", text.whole(unit + 1_000)),
            text.pick(list(_departments(company)), unit),
            text.pick([account[0] for account in ACCOUNTS], ledger.account[rows]),
            text.pick([account[1][0].upper() for account in ACCOUNTS], ledger.account[rows]),
            text.decimal(amount, 2),
            text.pick([s.currency for s in sites], ledger.site[rows]),
            text.days(closing),
        )

    def _rates(self, rows: Ints) -> bytes:
        currency = pa.array([self.rates.currency[n] for n in rows.tolist()], pa.string())
        parts = [
            _bare(
                text.days(self.rates.day[rows]),
                text.same(BASE_CURRENCY, len(rows)),
                currency,
                text.same(kind, len(rows)),
                text.decimal(values[rows], 8),
            )
            for kind, values in (("M", self.rates.average), ("EOD", self.rates.end_of_day))
        ]
        return b"".join(parts)


class Outside:
    """Public series: a value on the twelfth of the month after, revised a month later."""

    def __init__(self, company: Company, series: Series) -> None:
        self.company, self.series = company, series

    def history(self, months: list[tuple[int, int]]) -> Iterator[File]:
        """Yield the files of the first delivery."""
        cut = months[-1][1]
        yield File("external_factors", cut + 1, f"{day_of(cut):%Y%m}", self._rows(0, cut))

    def daily(self, day: int) -> Iterator[File]:
        """Yield the files of the delivery that carries one production day."""
        yield _daily(day)("external_factors", content=self._rows(day, day))

    def truth(self) -> dict[str, object]:
        """Return what was planted."""
        return {
            "external_factors": {
                factor.name: {
                    "shock": factor.shock,
                    "lead_days": LEAD_DAYS,
                    "log_effect": factor.effect,
                    "level": factor.level,
                }
                for factor in FACTORS
            }
        }

    def _rows(self, low: int, high: int) -> bytes:
        series = self.series
        columns = []
        for values, published in ((series.first, series.published), (series.final, series.revised)):
            rows = np.flatnonzero((published >= low) & (published <= high))
            columns.append((rows, values[rows], published[rows]))
        row, value, vintage = (np.concatenate(parts) for parts in zip(*columns, strict=True))
        kind = series.factor[row]
        return text.delimited(
            {
                "factor_id": text.pick([factor.name for factor in FACTORS], kind),
                "period": text.days(series.month[row]),
                "geography": pa.array([series.country[n] for n in row.tolist()], pa.string()),
                "value": text.decimal(np.round(value * 1000).astype(np.int64), 3),
                "source": text.pick([factor.source for factor in FACTORS], kind),
                "vintage": text.days(vintage),
            }
        )


def _departments(company: Company) -> Iterator[str]:
    """Yield the department of each unit as the ledger knows it."""
    for unit in company.units:
        yield {"area": unit.unit_id[-4:].lstrip("-"), "line": "PROD"}.get(unit.kind, "SITE")


def _bare(*columns: pa.Array) -> bytes:
    """Return rows without a header, fields between bars."""
    named = {str(number): column for number, column in enumerate(columns)}
    return text.delimited(named, mark="|").split(b"\n", 1)[1]
