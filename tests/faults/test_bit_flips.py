"""One flipped bit in any landed or published file is found before the file is used."""

import random
from collections import Counter
from shutil import copytree

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.ingest.landing import LANDED, SIDECAR_SUFFIX, sha256_of, store
from orchestration.publication.scorecard import read_scorecard
from orchestration.publication.snapshot import (
    CURRENT,
    DATABASE,
    MANIFEST,
    MANIFEST_SUM,
    SnapshotError,
    read_current,
)
from orchestration.rebuild import rebuild
from orchestration.resources.warehouse import Warehouse
from orchestration.run import RunFailedError
from orchestration.settings import Settings
from orchestration.verification import verify_home

SEED = 20_261_005


@pytest.fixture
def settings(tiny_home, tmp_path):
    copytree(tiny_home, tmp_path / "home", symlinks=True)
    settings = Settings.from_environment({"STEELYARD_HOME": str(tmp_path / "home")})
    # The demo company delivers no manifests; two of its files come with one here.
    for number, path in enumerate(sorted(settings.landing.glob("mes/mes_equipment/*/*"))[:2]):
        path.with_name(path.name + SIDECAR_SUFFIX).write_text(f'{{"rows": {number}}}\n')
        store(path, settings.company_home)
    note_manifests(settings)
    return settings


def note_manifests(settings):
    with Warehouse.of(settings).connect() as con:
        for path in (settings.company_home / LANDED).glob(f"??/*{SIDECAR_SUFFIX}"):
            con.execute(
                "update ops.delivery_log set manifest_sha256 = ? where sha256 = ?",
                [sha256_of(path), path.name.removesuffix(SIDECAR_SUFFIX)],
            ).fetchall()


def flip(path, draw):
    """Turn one bit of a file over; return how to turn it back."""
    content = path.read_bytes()
    damaged = bytearray(content)
    bit = draw.randrange(8 * len(content))
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    return lambda: path.write_bytes(content)


def assert_found(settings, path):
    """The command names the damaged file and no other; who would read it refuses it."""
    (damage,) = verify_home(settings).damages
    # A manifest and its sum vouch for each other: one of them is named.
    assert damage.path == (path.with_name(MANIFEST) if path.name == MANIFEST_SUM else path)
    if path.name in {DATABASE, MANIFEST, MANIFEST_SUM}:
        with pytest.raises(SnapshotError):
            read_scorecard(read_current(settings.published), "site")
    elif path.suffix == ".parquet":
        with pytest.raises(SnapshotError):
            read_current(settings.published).file(path.name)
    else:
        with pytest.raises(RunFailedError, match=path.name):
            rebuild(settings, report=lambda *_: None)


def flip_many(settings, flips):
    draw = random.Random(SEED)
    published = (settings.published / CURRENT).resolve()
    landed = (settings.company_home / LANDED).rglob("*")
    kinds = {
        "landed": [path for path in landed if path.is_file() and not path.suffix],
        "landed manifest": list((settings.company_home / LANDED).rglob(f"*{SIDECAR_SUFFIX}")),
        "parquet": list(published.glob("*.parquet")),
        "database": [published / DATABASE],
        "manifest": [published / MANIFEST],
        "sum of the manifest": [published / MANIFEST_SUM],
    }
    assert verify_home(settings).damages == ()
    found = Counter()
    for number in range(flips):
        kind = list(kinds)[number % len(kinds)]
        path = draw.choice(sorted(kinds[kind]))
        turn_back = flip(path, draw)
        assert_found(settings, path)
        turn_back()
        found[kind] += 1
    print(f"seed {SEED}: {dict(found)}")
    assert verify_home(settings).damages == ()


@pytest.mark.slow
def test_60_flipped_bits_are_found_before_the_file_is_used(settings):
    flip_many(settings, 60)


@pytest.mark.endurance
def test_1_000_flipped_bits_are_found_before_the_file_is_used(settings):
    flip_many(settings, 1_000)


def test_the_command_says_which_file_is_damaged_and_what_to_do(settings, monkeypatch):
    monkeypatch.setenv("STEELYARD_HOME", str(settings.home))
    whole = CliRunner().invoke(app, ["verify"])
    landed = next(path for path in (settings.company_home / LANDED).glob("??/*") if not path.suffix)
    parquet = (settings.published / CURRENT).resolve() / "core.dim_sites.parquet"
    landed.unlink()
    flip(parquet, random.Random(SEED))

    damaged = CliRunner().invoke(app, ["verify"])

    assert whole.exit_code == 0, whole.output
    assert "0 of them damaged" in whole.output
    assert damaged.exit_code == 1
    first, second = damaged.stdout.splitlines()
    assert landed.name in first
    assert first.endswith("copy it from a backup, or have the same file delivered again.")
    assert second == (
        f"{parquet} (published) is missing or not what it was: run `steelyard publish`."
    )


def test_damaged_landed_bytes_are_replaced_when_the_file_is_delivered_again(settings):
    original = next(settings.landing.glob("mes/mes_production_counts/*/*"))
    landed = store(original, settings.company_home)
    flip(landed.path, random.Random(SEED))
    assert sha256_of(landed.path) != landed.sha256

    store(original, settings.company_home)

    assert sha256_of(landed.path) == landed.sha256
