"""Load one feed: land, judge, run the rules, set aside, and make visible in one transaction.

All files that are new are judged first and meet the rules together, because a validation costs
0.15 s however many rows it has. Whether a delivery is blocked is then decided for each delivery
date by itself, so that loading day by day or all at once gives the same raw table.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.ingest import commit, delivery_log
from orchestration.ingest.delivery_log import BLOCKED, SKIPPED, Attempt
from orchestration.ingest.exemptions import WAIVED, Exemption, exempt_on, relaxed_hash
from orchestration.ingest.guard import judge_file, judge_relation
from orchestration.ingest.history import History
from orchestration.ingest.landing import (
    INCOMING,
    DeliveredFile,
    LandedFile,
    arrival,
    find_files,
    form_of,
    manifest_sha256,
    sha256_of,
    store,
    stored_path,
)
from orchestration.ingest.sql import column_list, quote_identifier
from orchestration.ingest.verdict import Finding
from orchestration.quality.expectations import RuleResult, enough_pass, require_row_rules, run_rules
from orchestration.quality.expectations import sentence as rule_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import duckdb

    from orchestration.contracts.model import Company, CompanyFeed, Contract
    from orchestration.ingest.verdict import Verdict
    from orchestration.resources.warehouse import Warehouse


@dataclass(frozen=True)
class DeliveryResult:
    """What became of one delivery date of a feed.

    ``rules`` are the rule results of this delivery; ``blocked_by`` their sentences where the
    delivery stays invisible.
    """

    delivery_date: dt.date
    attempts: tuple[Attempt, ...]
    rules: tuple[RuleResult, ...] = ()
    blocked_by: tuple[str, ...] = ()

    @property
    def visible(self) -> bool:
        """Whether rows of this delivery are in the raw table."""
        return any(attempt.accepted for attempt in self.attempts)

    def total(self, measure: str) -> int:
        """Return the sum of a count of the attempts, such as ``rows_new``."""
        return sum(getattr(attempt, measure) for attempt in self.attempts)


@dataclass(frozen=True)
class FeedResult:
    """What one load of a feed did: all that an asset reports and its checks judge."""

    feed: str
    run_id: str
    state: str
    reason: str
    deliveries: tuple[DeliveryResult, ...] = ()
    findings: tuple[tuple[str, Finding], ...] = ()
    touched: tuple[tuple[dt.date | None, dt.date | None], ...] = ()
    raw_rows: int = 0

    @property
    def changed(self) -> bool:
        """Whether any row that models read is different now."""
        return bool(self.touched)

    @property
    def rule_summary(self) -> tuple[RuleResult, ...]:
        """One result per rule over all deliveries; it holds only if it held for each of them."""
        by_rule: dict[str, list[RuleResult]] = defaultdict(list)
        for delivery in self.deliveries:
            for result in delivery.rules:
                by_rule[result.rule_id].append(result)
        return tuple(
            replace(
                results[0],
                success=all(one.success for one in results),
                evaluated=sum(one.evaluated or 0 for one in results),
                unexpected=sum(one.unexpected or 0 for one in results),
                sentence=next((one for one in results if not one.success), results[0]).sentence,
            )
            for results in by_rule.values()
        )

    @property
    def trend(self) -> dict[str, int | float]:
        """Numbers that are plotted over runs; none where no row was delivered."""
        delivered = self.total("rows_ok") + self.total("rows_quarantined")
        if not delivered:
            return {}
        return {"row_count": delivered, "success_percent": 100 * self.total("rows_ok") / delivered}

    def total(self, measure: str) -> int:
        """Return the sum of a count over all deliveries, such as ``rows_quarantined``."""
        return sum(delivery.total(measure) for delivery in self.deliveries)


@dataclass
class _Load:
    """What is known while one feed is being loaded."""

    con: duckdb.DuckDBPyConnection
    company: Company
    contract: Contract
    home: Path
    staging: Path
    as_of: dt.date
    run_id: str
    known: delivery_log.Known
    exemptions: Collection[Exemption]
    attempts: list[Attempt] = field(default_factory=list)
    batch: dict[int, Attempt] = field(default_factory=dict)
    findings: list[tuple[Attempt, Finding]] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    missing: str | None = None

    def exempt_on(self, day: dt.date) -> dict[str, str]:
        """Return the rules of the contract that are exempt on a delivery, and what is said."""
        rules = {rule.id for rule in self.contract.rules}
        exempt = exempt_on(self.exemptions, day)
        return {rule: said for rule, said in exempt.items() if rule in rules}


def ingest_feed(
    warehouse: Warehouse,
    company: Company,
    feed: str,
    landing: Path,
    delivery_dates: Collection[dt.date] | None = None,
    *,
    as_of: dt.date,
    run_id: str,
    exemptions: Collection[Exemption] = (),
    progress: Callable[[str], None] | None = None,
) -> FeedResult:
    """Load what is new of one feed and return what became of it.

    Parameters
    ----------
    warehouse : Warehouse
        Of the company's home; landed bytes and the lake lie beside it.
    company : Company
        Its profiles say where the feed's files lie and what they promise.
    feed : str
        A feed of the catalogue; one that the company does not deliver gets an empty raw table.
    landing : Path
        The folder that the profiles' patterns start from.
    delivery_dates : collection of datetime.date, optional
        Only these; default: all up to the as-of.
    as_of : datetime.date
        Delivery date of undated files, and where open ends end.
    run_id : str
        Who asked; the log keeps it.
    exemptions : collection of Exemption
        Rules of the feed that rows of some deliveries may fail. A delivery of which others are
        exempt now than when it was judged is judged again, whatever days are asked for.
    progress : callable, optional
        Is given one line per file.

    Raises
    ------
    RuleError
        If a rule of the contract cannot be run; nothing is changed then.
    """
    declared = company.feeds.get(feed)
    contract = declared.contract if declared is not None else company.canonical[feed]
    if not contract.key:
        raise commit.UnloadableContractError(
            f"Feed {feed} declares no key, so no row could ever be restated; declare one."
        )
    with (
        warehouse.connect(f"load {feed}") as con,
        # On the disk of the home: memory is often what a temporary folder is made of.
        tempfile.TemporaryDirectory(dir=warehouse.home, prefix=INCOMING) as staging,
    ):
        con.begin()
        delivery_log.create_tables(con)
        commit.ensure_raw_table(con, contract)
        con.commit()
        load = _Load(
            con=con,
            company=company,
            contract=contract,
            home=warehouse.home,
            staging=Path(staging),
            as_of=as_of,
            run_id=run_id,
            known=delivery_log.known_files(con, feed),
            exemptions=exemptions,
        )
        files = [
            file
            for file in find_files(company, feed, landing, as_of=as_of)
            if file.delivery_date <= as_of
        ]
        days = {file.delivery_date for file in files}
        if delivery_dates is not None:
            days &= set(delivery_dates)
        for day in load.known.records:
            if day <= as_of and load.exempt_on(day):
                files += _kept_files(load, declared, day, {one.relative_path for one in files})
                days.add(day)
        if days:
            commit.start_quarantine(con)
        if declared is not None and declared.select is not None:
            _judge_relations(load, declared, files, days, progress)
        else:
            _judge_files(load, [file for file in files if file.delivery_date in days], progress)
        if not load.batch and not load.attempts:
            return _nothing_new(load)
        _gather(load)
        rules = _run_rules(load)
        return _commit(load, rules)


def prepare(warehouse: Warehouse, company: Company, *, as_of: dt.date, run_id: str) -> None:
    """Create the raw table and state of every feed of the catalogue, delivered or not.

    So that a model finds its source, empty and typed, before the first file arrives.
    """
    with warehouse.connect("prepare feeds") as con:
        con.begin()
        delivery_log.create_tables(con)
        for name, canonical in company.canonical.items():
            declared = company.feeds.get(name)
            contract = declared.contract if declared is not None else canonical
            commit.ensure_raw_table(con, contract)
            delivery_log.refresh_feed_state(con, name, contract, as_of=as_of, run_id=run_id)
        con.commit()


def _kept_files(
    load: _Load, declared: CompanyFeed | None, day: dt.date, present: Collection[str]
) -> list[DeliveredFile]:
    """Return the files of a delivery that the company has cleared away, as they were landed."""
    if declared is None or declared.select is not None:
        return []
    return [
        DeliveredFile(
            stored_path(load.home, sha256),
            place,
            day,
            form_of(load.company, load.contract.feed, Path(place)),
        )
        for place, sha256 in load.con.execute(
            "select relative_path, max_by(sha256, recorded_at_utc) from ops.delivery_log "
            "where feed = ? and delivery_date = ? group by relative_path order by relative_path",
            [load.contract.feed, day],
        ).fetchall()
        if place not in present
    ]


# ------------------------------------------------------------------------------------- judging


def _judge_files(
    load: _Load, files: list[DeliveredFile], progress: Callable[[str], None] | None
) -> None:
    new = []
    hashes: dict[int, str] = {}
    for file in files:
        sha256 = sha256_of(file.path)
        if id(file.form) not in hashes:
            hashes[id(file.form)] = delivery_log.contract_hash(file.form.contract)
        contract = relaxed_hash(hashes[id(file.form)], load.exempt_on(file.delivery_date))
        manifest = manifest_sha256(file.path)
        if not load.known.is_done(file.relative_path, sha256, contract, manifest=manifest):
            new.append((file, sha256, contract))
    for number, (file, sha256, contract) in enumerate(new, start=1):
        if progress is not None:
            progress(f"{load.contract.feed} {number}/{len(new)} {file.relative_path}")
        landed = store(file.path, load.home)
        attempt = _attempt(load, file, landed, contract)
        if _is_redelivery(load, file, sha256, contract):
            load.attempts.append(
                replace(
                    attempt,
                    action=SKIPPED,
                    reason_codes=("DUPLICATE_FILE",),
                    message="The same bytes were accepted before; nothing to do.",
                )
            )
            continue
        verdict = judge_file(
            load.con,
            file.form.contract,
            landed.path,
            received_at=attempt.received_at_utc.replace(tzinfo=dt.UTC),
            name=file.name,
            delivery_date=file.delivery_date,
            history=_history(load, file.delivery_date),
            site_zones=load.company.site_zones,
            table=_judged_table(len(load.batch)),
            staging=load.staging,
        )
        _take(load, attempt, verdict)
        if file.form.contract.closed and not verdict.accepted:
            landed.path.unlink()
        if verdict.accepted:
            load.seen.add((sha256, contract))


def _is_redelivery(load: _Load, file: DeliveredFile, sha256: str, contract: str) -> bool:
    """Return whether accepted bytes came again under another name.

    A full snapshot that is equal to an older one is news on another day: it says that what
    changed in between was changed back.
    """
    if load.contract.delivery.mode == "snapshot":
        return (sha256, contract, file.delivery_date) in load.known.accepted_on or any(
            one.sha256 == sha256
            and one.contract_hash == contract
            and one.delivery_date == file.delivery_date
            and one.accepted
            for one in load.batch.values()
        )
    return (sha256, contract) in load.known.accepted or (sha256, contract) in load.seen


def _history(load: _Load, day: dt.date) -> History | None:
    """Return what the checks of the contract need of earlier deliveries, and no more.

    That a key was delivered before is found by the merge, for all files at once and whatever
    the order; comparing each file with two million stored rows would cost 0.2 s a file.
    """
    kinds = {
        check.kind
        for check in load.contract.checks
        if check.kind != "hierarchy" or check.parents_in_history
    }
    if not kinds & {"volume", "retroactive", "distribution", "reference", "hierarchy"}:
        return None
    earlier = [when for when in load.known.records if when < day]
    counts = load.known.records[max(earlier)] if earlier else ()
    stored = commit.raw_table(load.contract)
    references = {}
    for check in load.contract.checks:
        if check.kind == "reference" and check.reference in load.company.canonical:
            references[check.reference] = commit.reference_list(
                load.con, load.company.canonical[check.reference]
            )
    return History(
        # A delivery in several files has no one count that a single file could be held against.
        last_rows=counts[0] if len(counts) == 1 else None,
        latest=stored if kinds & {"retroactive", "hierarchy"} else None,
        rows=stored if "distribution" in kinds else None,
        references=references,
    )


def _judge_relations(
    load: _Load,
    declared: CompanyFeed,
    files: list[DeliveredFile],
    days: Collection[dt.date],
    progress: Callable[[str], None] | None,
) -> None:
    """Judge a feed that is made by a SELECT: its source files first, then the relation.

    At each delivery date the relation reads, of every source, the files of its newest delivery
    up to that date.
    """
    absent = sorted(declared.sources.keys() - {file.source for file in files})
    if absent:
        load.missing = f"no file was delivered for its source {', '.join(absent)}"
        return
    declared_hash = delivery_log.relation_hash(declared)
    judged: dict[tuple[str, str], tuple[Attempt, Verdict, str]] = {}
    for day in sorted(days):
        parts = []
        for name in declared.sources:
            of_source = [
                file for file in files if file.source == name and file.delivery_date <= day
            ]
            newest = max((file.delivery_date for file in of_source), default=None)
            parts += [file for file in of_source if file.delivery_date == newest]
        if {file.source for file in parts} != declared.sources.keys():
            continue
        combined = hashlib.sha256(
            "\n".join(sorted(f"{file.source}:{sha256_of(file.path)}" for file in parts)).encode()
        ).hexdigest()
        place = f"select:{load.contract.feed}"
        relation = relaxed_hash(declared_hash, load.exempt_on(day))
        if load.known.is_done(place, combined, relation):
            continue
        refused = _judge_sources(load, declared, parts, judged, progress)
        attempt = Attempt(
            attempt_id=delivery_log.attempt_id(
                load.run_id, load.contract.feed, f"{place}/{day}", combined, relation
            ),
            run_id=load.run_id,
            feed=load.contract.feed,
            source=None,
            source_system=declared.source_system,
            file_name=f"select over {', '.join(declared.sources)}",
            relative_path=place,
            sha256=combined,
            manifest_sha256=None,
            bytes=sum(file.path.stat().st_size for file in parts),
            delivery_date=day,
            received_at_utc=max(arrival(file) for file in parts),
            action="",
            reason_codes=(),
            message="",
            records=0,
            rows_ok=0,
            rows_quarantined=0,
            contract_hash=relation,
        )
        if refused:
            load.attempts.append(
                replace(
                    attempt,
                    action=delivery_log.REJECTED,
                    reason_codes=("SOURCE_REJECTED",),
                    message=refused,
                )
            )
            continue
        assert declared.select is not None
        verdict = judge_relation(
            load.con,
            declared.contract,
            declared.select,
            received_at=attempt.received_at_utc.replace(tzinfo=dt.UTC),
            delivery_date=day,
            history=_history(load, day),
            site_zones=load.company.site_zones,
            table=_judged_table(len(load.batch)),
        )
        _take(load, attempt, verdict)


def _judge_sources(
    load: _Load,
    declared: CompanyFeed,
    parts: list[DeliveredFile],
    judged: dict[tuple[str, str], tuple[Attempt, Verdict, str]],
    progress: Callable[[str], None] | None,
) -> str | None:
    """Leave each source as a temporary table of its good rows; return why one has none.

    A source may come in several forms and copies, so one refused file leaves the others. Of
    equal keys the first form's row is taken, as a profile reads from top to bottom.
    """
    for name, source in declared.sources.items():
        typed = column_list(list(source.contract.typed_columns()))
        pieces = []
        problems = []
        forms = {form: rank for rank, form in enumerate(id(form) for form in source.forms)}
        for file in sorted(
            (part for part in parts if part.source == name),
            key=lambda one: (forms[id(one.form)], one.order),
        ):
            if (name, file.relative_path) not in judged:
                if progress is not None:
                    progress(f"{load.contract.feed} {file.relative_path}")
                judged[name, file.relative_path] = _judge_source(
                    load, file, f"_source_{len(judged)}"
                )
            _, verdict, table = judged[name, file.relative_path]
            if verdict.accepted:
                pieces.append(
                    f"select {typed}, {len(pieces)} as _piece from {quote_identifier(table)} "
                    "where coalesce(len(_reasons), 0) = 0"
                )
            else:
                problems.append(f"{file.name}: {_message(verdict)}")
        if not pieces:
            return f"source {name} has no readable file ({'; '.join(problems)})"
        first_wins = (
            "qualify row_number() over (partition by "
            f"{column_list(commit.typed_keys(source.contract))} order by _piece) = 1"
            if source.contract.key and len(pieces) > 1
            else ""
        )
        load.con.execute(
            f"create or replace temp table {quote_identifier(name)} as "
            f"select * exclude (_piece) from ({' union all '.join(pieces)}) {first_wins}"
        )
    return None


def _judge_source(load: _Load, file: DeliveredFile, table: str) -> tuple[Attempt, Verdict, str]:
    landed = store(file.path, load.home)
    contract = delivery_log.contract_hash(file.form.contract)
    attempt = _attempt(load, file, landed, contract)
    verdict = judge_file(
        load.con,
        file.form.contract,
        landed.path,
        received_at=attempt.received_at_utc.replace(tzinfo=dt.UTC),
        name=file.name,
        delivery_date=file.delivery_date,
        site_zones=load.company.site_zones,
        table=table,
        staging=load.staging,
    )
    attempt = _judged(attempt, verdict)
    load.attempts.append(attempt)
    load.findings += [(attempt, finding) for finding in verdict.findings]
    if verdict.rows_quarantined:
        commit.record_source_quarantine(load.con, attempt, load.contract, table)
    return attempt, verdict, table


def _attempt(load: _Load, file: DeliveredFile, landed: LandedFile, contract: str) -> Attempt:
    place = f"{file.source or ''}/{file.relative_path}"
    return Attempt(
        attempt_id=delivery_log.attempt_id(
            load.run_id, load.contract.feed, place, landed.sha256, contract
        ),
        run_id=load.run_id,
        feed=load.contract.feed,
        source=file.source,
        source_system=file.form.source_system,
        file_name=file.name,
        relative_path=file.relative_path,
        sha256=landed.sha256,
        manifest_sha256=manifest_sha256(landed.path),
        bytes=landed.bytes,
        delivery_date=file.delivery_date,
        received_at_utc=arrival(file),
        action="",
        reason_codes=(),
        message="",
        records=0,
        rows_ok=0,
        rows_quarantined=0,
        contract_hash=contract,
    )


def _judged(attempt: Attempt, verdict: Verdict) -> Attempt:
    codes = dict.fromkeys(finding.code for finding in verdict.findings if finding.level != "info")
    return replace(
        attempt,
        action=verdict.action,
        reason_codes=tuple(codes),
        message=_message(verdict),
        records=verdict.records,
        rows_ok=verdict.rows_ok,
        rows_quarantined=verdict.rows_quarantined,
    )


def _message(verdict: Verdict) -> str:
    """Return the sentences of the findings that decided the action."""
    return " ".join(
        finding.message
        for finding in verdict.findings
        if finding.level in {"reject", "skip", "ignore", "quarantine"}
    )


def _take(load: _Load, attempt: Attempt, verdict: Verdict) -> None:
    """Enter a verdict, and put the rows of an accepted file into the batch."""
    attempt = _judged(attempt, verdict)
    load.findings += [(attempt, finding) for finding in verdict.findings]
    if not verdict.accepted:
        load.attempts.append(attempt)
        return
    load.batch[len(load.batch)] = attempt
    day = attempt.delivery_date
    load.known.records[day] = (*load.known.records.get(day, ()), attempt.records)


def _gather(load: _Load) -> None:
    """Make one batch of the accepted files; the guard left each in a table of its own."""
    commit.gather_batch(
        load.con,
        load.contract,
        [
            (
                _judged_table(number),
                commit.BatchFile(
                    number=number,
                    file_id=one.sha256,
                    file_name=one.file_name,
                    attempt_id=one.attempt_id,
                    source_system=one.source_system,
                    relative_path=one.relative_path,
                    delivery_date=one.delivery_date,
                    received_at_utc=one.received_at_utc,
                ),
            )
            for number, one in load.batch.items()
        ],
    )


def _judged_table(number: int) -> str:
    return f"judged_{number}"


# --------------------------------------------------------------------------------------- rules


def _run_rules(load: _Load) -> dict[dt.date, list[RuleResult]]:
    """Run the contract's rules on the whole batch and split the results by delivery date."""
    rules = load.contract.rules if load.batch else ()
    if rules:
        require_row_rules(load.contract.feed, rules)
    results = (
        run_rules(load.con, commit.ROWS, rules, ["_row_id"], failures=commit.FAILURES)
        if rules
        else commit.no_failures(load.con)
    )
    counts = commit.counts_by_delivery(
        load.con, [(result.rule_id, result.evaluated_where) for result in results]
    )
    by_id = {rule.id: rule for rule in rules}
    by_day: dict[dt.date, list[RuleResult]] = defaultdict(list)
    for result in results:
        for (day, rule_id), (evaluated, unexpected) in counts.items():
            if rule_id != result.rule_id:
                continue
            success = enough_pass(evaluated, unexpected, result.mostly)
            words = rule_sentence(by_id[rule_id], evaluated, unexpected, success=success)
            said = load.exempt_on(day).get(rule_id) if unexpected else None
            by_day[day].append(
                replace(
                    result,
                    severity=WAIVED if said else result.severity,
                    success=success,
                    evaluated=evaluated,
                    unexpected=unexpected,
                    sentence=f"{words} ({said})" if said else words,
                )
            )
    return by_day


# -------------------------------------------------------------------------------------- commit


def _nothing_new(load: _Load) -> FeedResult:
    """Say how the feed stands; the day may have made it late."""
    load.con.begin()
    state, reason = delivery_log.refresh_feed_state(
        load.con,
        load.contract.feed,
        load.contract,
        as_of=load.as_of,
        run_id=load.run_id,
        missing=load.missing,
    )
    load.con.commit()
    return FeedResult(
        feed=load.contract.feed,
        run_id=load.run_id,
        state=state,
        reason=reason,
        raw_rows=_raw_rows(load),
    )


def _raw_rows(load: _Load) -> int:
    table = commit.raw_table(load.contract)
    return load.con.execute(f"select count(*) from {table}").fetchall()[0][0]


def _commit(load: _Load, rules: dict[dt.date, list[RuleResult]]) -> FeedResult:
    con, contract = load.con, load.contract
    feed = contract.feed
    blocked = {
        day: tuple(result.sentence for result in results if result.blocks)
        for day, results in rules.items()
        if any(result.blocks for result in results)
    }
    exempt = {
        (day, one.rule_id)
        for day, results in rules.items()
        for one in results
        if one.severity == WAIVED
    }
    aside = commit.set_aside(
        con,
        contract.steward,
        {rule.id: rule.owner for rule in contract.rules if rule.severity == "quarantine"},
        exempt,
    )
    let_in = commit.let_in(con, exempt) if exempt else {}
    blocked_files = {number for number, one in load.batch.items() if one.delivery_date in blocked}
    lake = commit.write_lake(con, contract, load.home, blocked_files) if load.batch else {}
    accepted_days = {one.delivery_date for one in load.batch.values()} - blocked.keys()
    first_accepted, last_accepted = con.execute(
        "select min(delivery_date), max(delivery_date) from ops.delivery_log "
        "where feed = ? and source is null and list_contains(?, action)",
        [feed, list(delivery_log.ACCEPTED)],
    ).fetchall()[0]
    counts: dict[int, commit.FileCounts] = {}
    touched: list[tuple[dt.date | None, dt.date | None]] = []
    if accepted_days:
        counts = commit.plan_merge(
            con,
            contract,
            blocked=blocked.keys(),
            accepted_days=accepted_days,
            last_accepted=last_accepted,
            as_of=load.as_of,
        )
        touched = commit.touched_ranges(con)
    if contract.touches == "nothing":
        touched = []
    said = {
        day: tuple(
            result.sentence
            for result in results
            if result.severity in {"quarantine", WAIVED} and result.unexpected
        )
        for day, results in rules.items()
    }
    attempts = load.attempts + [
        _finished(
            attempt,
            aside.get(number, 0),
            let_in.get(number, 0),
            lake.get(number),
            counts.get(number),
            blocked=blocked.get(attempt.delivery_date, ()),
            said=said.get(attempt.delivery_date, ()),
        )
        for number, attempt in load.batch.items()
    ]
    attempts.sort(key=lambda one: (one.delivery_date, one.relative_path))
    # Load times are kept to the second and in the log alone; no verdict depends on this clock.
    recorded_at = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
    load.findings += _restatements(load, counts)
    con.begin()
    try:
        if accepted_days:
            commit.apply_merge(con, contract)
        delivery_log.record_attempts(con, attempts, recorded_at=recorded_at)
        commit.record_rows(con, contract, load.run_id, exempt)
        commit.record_set_aside(con, feed)
        commit.record_results(con, feed, load.run_id, rules)
        commit.record_findings(con, load.findings)
        # Until its first delivery all readings that need a feed say that it never came.
        rests_on_it = contract.touches != "nothing"
        is_first = (
            rests_on_it and accepted_days and (first_accepted or dt.date.max) > min(accepted_days)
        )
        commit.record_touched(con, feed, load.run_id, [(None, None)] if is_first else touched)
        commit.record_withheld(
            con,
            contract,
            load.run_id,
            blocked={day: "; ".join(sentences) for day, sentences in blocked.items()},
            accepted_days=accepted_days,
            as_of=load.as_of,
        )
        state, reason = delivery_log.refresh_feed_state(
            con,
            feed,
            contract,
            as_of=load.as_of,
            run_id=load.run_id,
            missing=load.missing,
        )
    except BaseException:
        con.rollback()
        raise
    con.commit()
    return FeedResult(
        feed=feed,
        run_id=load.run_id,
        state=state,
        reason=reason,
        deliveries=tuple(
            DeliveryResult(
                delivery_date=day,
                attempts=tuple(one for one in attempts if one.delivery_date == day),
                rules=tuple(rules.get(day, ())),
                blocked_by=blocked.get(day, ()),
            )
            for day in sorted({one.delivery_date for one in attempts})
        ),
        findings=tuple((attempt.relative_path, finding) for attempt, finding in load.findings),
        touched=tuple(touched),
        raw_rows=_raw_rows(load),
    )


def _restatements(
    load: _Load, counts: dict[int, commit.FileCounts]
) -> list[tuple[Attempt, Finding]]:
    """Return what is to be said of keys that were delivered before."""
    told = []
    for number, count in counts.items():
        attempt = load.batch[number]
        if count.changed and load.contract.delivery.mode != "snapshot":
            message = f"{count.changed:,} records were delivered before with other values."
            told.append((attempt, Finding("RESTATED", None, message, count=count.changed)))
        if count.unchanged:
            message = f"{count.unchanged:,} records are loaded already, with equal values."
            told.append(
                (attempt, Finding("IDEMPOTENT_UPSERT", None, message, count=count.unchanged))
            )
    return told


def _finished(
    attempt: Attempt,
    aside: int,
    let_in: int,
    lake_path: str | None,
    counts: commit.FileCounts | None,
    *,
    blocked: tuple[str, ...],
    said: tuple[str, ...],
) -> Attempt:
    """Return an attempt of the batch with what the rules and the merge made of it."""
    more = aside - attempt.rows_quarantined
    attempt = replace(attempt, lake_path=lake_path, rows_quarantined=aside)
    if blocked:
        return replace(
            attempt,
            action=BLOCKED,
            reason_codes=(*attempt.reason_codes, "BATCH_BLOCKED"),
            message="; ".join(blocked),
            rows_ok=0,
        )
    counts = counts or commit.FileCounts()
    attempt = replace(
        attempt,
        rows_ok=attempt.rows_ok - more,
        rows_new=counts.new,
        rows_changed=counts.changed,
        rows_unchanged=counts.unchanged,
        rows_removed=counts.removed,
        first_date=counts.first_date,
        last_date=counts.last_date,
    )
    if not more and not let_in:
        return attempt
    codes, action = list(attempt.reason_codes), attempt.action
    if let_in:
        codes.append("EXPECTATION_NOTED")
        action = "accept_with_warning" if action == "accept" else action
    if more:
        codes.append("EXPECTATION_FAILED")
        action = "quarantine_rows"
    return replace(
        attempt,
        action=action,
        reason_codes=tuple(codes),
        message="; ".join(part for part in (attempt.message, *said) if part),
    )
