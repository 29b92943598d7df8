"""Declarations are read strictly: what is wrong is said in one sentence with file and key."""

import datetime as dt

import pytest
import yaml

from orchestration.contracts.load import (
    SHIPPED_ROOT,
    ContractError,
    load_company,
    load_contract,
    load_contracts,
    load_dialects,
)
from orchestration.contracts.model import Dialect, format_regex

CONTRACT = {
    "feed": "mes_production_counts",
    "system": "mes",
    "domain": "production",
    "delivery": {"mode": "append", "latency_days": 3},
    "key": ["event_id"],
    "time_zone": {"site_column": "site"},
    "touches": {"from": "event_ts", "to": "event_ts"},
    "columns": {
        "event_id": {"type": "key", "pattern": "E[0-9]{5}"},
        "site": {"type": "code"},
        "event_ts": {"type": "ts"},
        "good_qty": {"type": "dec(15,3)", "min": 0},
        "order_id": {"type": "key?"},
        "status": {"type": "code?", "values": ["open", "closed"]},
    },
}


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return path


def test_types_become_duckdb_columns_in_order(tmp_path):
    columns = {
        "a_key": {"type": "key"},
        "an_int": {"type": "int?"},
        "a_price": {"type": "money"},
        "a_ts": {"type": "ts"},
        "a_day": {"type": "date"},
        "start_local": {"type": "localtime", "date_column": "a_day", "zone_column": "zone"},
        "zone": {"type": "code"},
        "done": {"type": "bool?"},
        "spent": {"type": "duration"},
    }
    data = {**CONTRACT, "columns": columns, "key": ["a_key"], "touches": None, "time_zone": None}
    contract = load_contract(write(tmp_path / "c.yml", data))

    assert contract.typed_columns() == {
        "a_key": "VARCHAR",
        "an_int": "BIGINT",
        "a_price": "DECIMAL(18,4)",
        "a_ts_utc": "TIMESTAMP",
        "a_ts_local": "TIMESTAMP",
        "a_ts_zone": "VARCHAR",
        "a_day": "DATE",
        "start_local": "TIMESTAMP",
        "start_utc": "TIMESTAMP",
        "zone": "VARCHAR",
        "done": "BOOLEAN",
        "spent": "BIGINT",
    }


def test_only_true_and_false_are_booleans(tmp_path):
    text = (
        "feed: f\nsystem: s\ndomain: people\ndelivery: {mode: snapshot}\n"
        "columns: {country: {type: code, values: [NO, DE, on]}}\n"
    )
    contract = load_contract(write(tmp_path / "c.yml", text))

    assert contract.columns["country"].values == ("NO", "DE", "on")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colums": {}}, ("colums", "unknown")),
        ({"delivery": {"mode": "weekly"}}, ("delivery.mode",)),
        ({"key": ["event"]}, ("key", "'event' is no column")),
        ({"time_zone": {"zone": "Europe/Atlantis"}}, ("time_zone", "no IANA time zone")),
        ({"time_zone": {"zone": "Europe/Berlin", "column": "site"}}, ("exactly one",)),
        ({"columns": {"event_id": {"type": "keys"}}}, ("columns.event_id.type", "no type")),
        ({"columns": {"event_id": {"type": "dec(50,2)"}}}, ("38 digits",)),
        ({"columns": {"event_id": {"type": "key", "pattern": "("}}}, ("regular expression",)),
        ({"checks": [{"kind": "late", "column": "event", "days": 3}]}, ("late", "'event'")),
        ({"checks": [{"kind": "latte", "column": "event_ts"}]}, ("latte",)),
        (
            {
                "rules": [
                    {
                        "id": "x",
                        "expectation": "expect_column_values_to_be_between",
                        "kwargs": {"column": "event_ts"},
                        "severity": "warn",
                        "owner": "o",
                    }
                ]
            },
            ("rules.x", "event_ts_utc"),
        ),
        ({"dialect": {"use": "sap_by_fax"}}, ("sap_by_fax", "use one of")),
        ({"dialect": {"date_formats": ["DD.MM"]}}, ("lacks a year",)),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path, change, words):
    data = {**CONTRACT, **change}
    if "columns" in change:
        data |= {"key": [], "time_zone": None, "touches": None}
    path = write(tmp_path / "c.yml", data)

    with pytest.raises(ContractError) as error:
        load_contract(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_a_key_that_is_given_twice_is_refused(tmp_path):
    path = write(tmp_path / "c.yml", "feed: a\nfeed: b\n")
    with pytest.raises(ContractError, match="given twice"):
        load_contract(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(ContractError, match="does not exist"):
        load_contract(tmp_path / "none.yml")


def test_one_feed_is_declared_once(tmp_path):
    write(tmp_path / "a" / "c.yml", CONTRACT)
    write(tmp_path / "b" / "c.yml", CONTRACT)
    with pytest.raises(ContractError, match="another file"):
        load_contracts(tmp_path)


def test_every_shipped_dialect_is_sound():
    dialects = load_dialects(SHIPPED_ROOT / "expectations" / "dialects.yml")

    assert {
        "iso_csv",
        "sap_datasphere_csv",
        "workday_raas_json",
        "excel_by_hand",
    } <= dialects.keys()
    for settings in dialects.values():
        Dialect.model_validate(settings)


def test_what_a_contract_writes_wins_over_the_named_dialect(tmp_path):
    data = {**CONTRACT, "dialect": {"use": "sap_datasphere_csv", "decimal": "."}}
    dialect = load_contract(write(tmp_path / "c.yml", data)).dialect

    assert (dialect.delimiter, dialect.decimal) == (";", ".")


@pytest.mark.parametrize(
    ("text", "replacement"),
    [("DD.MM.YYYY", r"\3-\2-\1"), ("YYYYMMDDhhmmss", r"\1-\2-\3T\4:\5:\6")],
)
def test_a_date_format_becomes_a_rewriting_to_iso(text, replacement):
    assert format_regex(text)[1] == replacement


# ---------------------------------------------------------------------------------------- companies


@pytest.fixture
def root(tmp_path):
    """A small checkout: one feed, one company."""
    write(tmp_path / "expectations/feeds/mes/mes_production_counts.yml", CONTRACT)
    write(tmp_path / "expectations/dialects.yml", {"semicolon": {"delimiter": ";", "decimal": ","}})
    write(
        tmp_path / "seeds/companies/acme/company.yml",
        {
            "name": "acme",
            "title": "Acme",
            "enterprise": {"id": "ACME", "name": "Acme Ltd"},
            "first_delivery": "2026-01-01",
            "as_of": dt.date(2026, 10, 6),
            "sites": {"OSL": {"name": "Oslo", "zone": "Europe/Oslo", "country": "NO"}},
        },
    )
    return tmp_path


def profile(root, **feeds):
    return write(
        root / "expectations/companies/acme/mes.yml",
        {"profile": "acme_mes", "source_system": "mes", **feeds},
    )


def test_a_profile_is_laid_over_the_contract(root):
    profile(
        root,
        feeds={
            "mes_production_counts": {
                "files": "mes/mes_production_counts/{delivery_date}/*.csv",
                "dialect": {"use": "semicolon"},
                "columns": {"event_id": "Ereignis", "site": {"constant": "OSL"}},
                "formats": {"event_ts": "DD.MM.YYYY hh:mm:ss"},
                "codes": {"status": {"REL": "open"}},
            }
        },
    )
    company = load_company("acme", root)

    feed = company.feeds["mes_production_counts"]
    (form,) = feed.forms
    assert company.site_zones == {"OSL": "Europe/Oslo"}
    assert form.source_system == "mes"
    assert form.contract.dialect.delimiter == ";"
    assert feed.contract.dialect.delimiter == ","
    columns = form.contract.columns
    assert columns["event_id"].name_in_file == "Ereignis"
    assert (columns["site"].is_constant, columns["site"].constant) == (True, "OSL")
    assert columns["event_ts"].format == ("DD.MM.YYYY hh:mm:ss",)
    assert columns["status"].codes == {"REL": "open"}


def test_a_feed_that_no_profile_names_is_absent(root):
    assert load_company("acme", root).feeds == {}


def test_a_feed_may_be_a_select_over_typed_sources(root):
    profile(
        root,
        sources={
            "count": {
                "forms": [{"files": "counts.parquet", "dialect": {"format": "parquet"}}],
                "key": ["id"],
                "columns": {"id": {"type": "key"}},
            }
        },
        feeds={"mes_production_counts": {"from": ["count"], "select": "select id from count"}},
    )
    feed = load_company("acme", root).feeds["mes_production_counts"]

    assert feed.select == "select id from count"
    assert list(feed.sources) == ["count"]
    assert feed.sources["count"].forms[0].contract.dialect.format == "parquet"
    assert feed.contract.dialect.timestamps == "either"


def test_two_systems_may_deliver_one_feed(root):
    profile(root, feeds={"mes_production_counts": {"files": "a/*.csv"}})
    write(
        root / "expectations/companies/acme/other.yml",
        {
            "profile": "acme_other",
            "source_system": "other",
            "feeds": {"mes_production_counts": {"files": "b/*.csv"}},
        },
    )
    forms = load_company("acme", root).feeds["mes_production_counts"].forms

    assert [form.source_system for form in forms] == ["mes", "other"]


def test_a_company_may_lie_outside_the_checkout(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    facts = (root / "seeds/companies/acme/company.yml").read_text()
    write(folder / "company.yml", facts)
    write(
        folder / "expectations/mes.yml",
        {
            "profile": "p",
            "source_system": "mes",
            "feeds": {"mes_production_counts": {"files": "*.csv"}},
        },
    )
    company = load_company(folder, root)

    assert company.folder == folder
    assert list(company.feeds) == ["mes_production_counts"]


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({"mes_counts": {"files": "*"}}, "no such feed"),
        ({"mes_production_counts": {"files": "*", "columns": {"x": "y"}}}, "no such column"),
        ({"mes_production_counts": {"files": "*", "select": "select 1"}}, "exactly one"),
        ({"mes_production_counts": {"from": ["x"], "select": "select 1"}}, "not under sources"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(root, feeds, words):
    profile(root, feeds=feeds)
    with pytest.raises(ContractError, match=words):
        load_company("acme", root)


def test_an_unknown_company_is_refused_with_the_known_ones(root):
    with pytest.raises(ContractError, match="acme"):
        load_company("nobody", root)
