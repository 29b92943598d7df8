"""An auditor computes a sample of published readings again, from the pack alone."""

import csv
import hashlib
import json
import math
import shutil
import subprocess
import sys
from fractions import Fraction

import duckdb
import pytest

from orchestration.publication.audit_pack import AuditPackError, draw_hash, write_audit_pack
from orchestration.publication.snapshot import read_current
from orchestration.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warehouse(tiny_home, tmp_path_factory):
    """A copy of the tiny company's warehouse, and its settings."""
    settings = Settings.from_environment({"STEELYARD_HOME": str(tiny_home)})
    copied = tmp_path_factory.mktemp("audited") / "warehouse.duckdb"
    shutil.copy(settings.company_home / "warehouse.duckdb", copied)
    return settings, copied


def write(warehouse, folder, **choices):
    settings, copied = warehouse
    with duckdb.connect(str(copied)) as con:
        return write_audit_pack(
            con,
            settings.company_home,
            folder,
            content_hash=read_current(settings.published).content_hash,
            **choices,
        )


@pytest.fixture(scope="module")
def pack(warehouse, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack") / "pack"
    return folder, write(warehouse, folder, per_stratum=2, seed=7)


def lines(folder, name):
    return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]


def recompute(folder):
    # -I: neither this project nor the environment can help.
    return subprocess.run(
        [sys.executable, "-I", str(folder / "recompute.py")],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_of_the_pack_computes_every_reading_again(pack):
    folder, told = pack
    done = recompute(folder)

    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [f"{told.readings} readings computed again, 0 differences"],
    )


def test_plain_ratios_of_sums_give_the_published_values_by_another_hand(pack):
    """One numerator over one denominator, added up here in another way than the pack's own."""
    checked = 0
    for reading in lines(pack[0], "readings.jsonl"):
        if {term["factor"] for term in reading["terms"]} != {1} or not reading["has_denominator"]:
            continue
        sums = {
            one["measure_id"]: Fraction(one["component_value"]) for one in reading["components"]
        }
        parts = {"numerator": Fraction(0), "denominator": Fraction(0), "trials": Fraction(0)}
        for term in reading["terms"]:
            basis = (
                Fraction(term["constant"])
                if term["measure_id"] is None
                else sums.get(term["measure_id"], Fraction(0))
            )
            parts[term["role"]] += Fraction(term["coefficient"]) * basis
        value = parts["numerator"] * Fraction(reading["multiplier"]) / parts["denominator"]
        assert math.isclose(value, float(reading["computed_value"]), rel_tol=1e-9, abs_tol=1e-9)
        checked += 1
    assert checked >= 10


def test_the_draw_is_of_all_strata_and_can_be_made_again(pack, warehouse):
    folder, told = pack
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    with duckdb.connect(str(warehouse[1])) as con:
        keys = con.execute(
            "select kpi_id, finality, entity_kind, entity_id, period_kind, period_start_date "
            "from kpi.fct_published_readings where computed_value is not null "
            "and entity_kind <> 'leader' and not is_locked and not is_withheld"
        ).fetchall()
    strata = {}
    for kpi, finality, *rest in keys:
        strata.setdefault((kpi, finality), []).append((draw_hash(7, (kpi, *rest)), kpi, *rest))
    expected = {row[1:] for drawn in strata.values() for row in sorted(drawn)[:2]}

    found = {tuple(one["key"].values()) for one in lines(folder, "readings.jsonl")}
    assert found == {(*key[:-1], str(key[-1])) for key in expected}
    assert told.strata == len(strata) == len(manifest["strata"])
    assert told.population == len(keys)


def test_the_files_behind_a_reading_are_those_that_were_delivered(pack, warehouse):
    folder, _ = pack
    settings, _ = warehouse
    with (folder / "deliveries.csv").open(encoding="utf-8", newline="") as file:
        delivered = {int(row["no"]): row for row in csv.DictReader(file)}
    named = {no for one in lines(folder, "readings.jsonl") for no in one["deliveries"]}

    assert named
    for number in sorted(named)[:20]:
        path = settings.landing / delivered[number]["relative_path"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == delivered[number]["sha256"]


def test_nothing_about_single_persons_is_in_the_pack(pack):
    folder, _ = pack
    readings = lines(folder, "readings.jsonl")

    assert {one["key"]["entity_kind"] for one in readings}.isdisjoint({"leader", "person"})
    # What was said in words stays in the ledger, and rows stay in their files.
    assert {path.name for path in folder.iterdir()} == {
        *("README.md", "recompute.py", "manifest.json"),
        *("readings.jsonl", "deliveries.csv", "acts.jsonl", "definitions"),
    }
    assert all("reason" not in act for act in lines(folder, "acts.jsonl"))


def test_a_figure_that_somebody_changed_in_the_pack_is_found(pack, tmp_path):
    folder = tmp_path / "forged"
    shutil.copytree(pack[0], folder)
    first, *rest = (folder / "readings.jsonl").read_text("utf-8").splitlines()
    forged = json.loads(first)
    forged["components"][0]["component_value"] = "123456.000000"
    (folder / "readings.jsonl").write_text("\n".join([json.dumps(forged), *rest]), "utf-8")

    done = recompute(folder)

    assert done.returncode == 1
    assert "readings.jsonl is not the file that was handed over" in done.stdout
    assert forged["key"]["kpi_id"] in done.stdout


def test_what_cannot_be_a_pack_is_said(pack, warehouse, tmp_path):
    with pytest.raises(AuditPackError, match="exists already"):
        write(warehouse, pack[0])
    with pytest.raises(AuditPackError, match="0 readings per stratum are no sample"):
        write(warehouse, tmp_path / "none", per_stratum=0)
