"""The commands, and the drill: a damaged ledger takes nothing until a backup is put back."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.ledger.errors import LedgerDamagedError
from orchestration.ledger.opening import open_ledger
from orchestration.ledger.store import Ledger
from orchestration.ledger.verify import verify
from orchestration.resources.backup import FILES, back_up, restore
from orchestration.settings import Settings
from tests.ledger.acts import act, clock, write
from tests.services import system_program


@pytest.fixture
def variables(tmp_path):
    return {"STEELYARD_HOME": str(tmp_path / "home"), "STEELYARD_COMPANY": "demo"}


@pytest.fixture
def settings(variables):
    settings = Settings.from_environment(variables)
    settings.company_home.mkdir(parents=True)
    # A backup asks for a warehouse; what is in it does not matter here.
    duckdb.connect(settings.company_home / "warehouse.duckdb").close()
    return settings


@pytest.fixture
def steelyard(variables, monkeypatch):
    def call(*words):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, list(words))
        # A terminal breaks lines where it likes.
        return done.exit_code, " ".join(done.output.split())

    return call


def damage(settings):
    """Change the words of entry 3 in the file, as a failing disk does."""
    path = settings.company_home / "ledger" / "ledger.sqlite"
    whole = path.read_bytes()
    assert whole.count(b"Grund Nr. 2:") == 1
    path.write_bytes(whole.replace(b"Grund Nr. 2:", b"Grund Nr. 9:"))


def test_verify_says_how_many_entries_are_what_was_recorded(settings, steelyard):
    write(open_ledger(settings), 5)
    steelyard("ledger", "anchor")
    write(open_ledger(settings), 2)

    code, said = steelyard("ledger", "verify")

    assert code == 0
    assert "7 entries are what was recorded, 0 of them erased" in said
    assert "1 anchors hold, 2 entries came after the last" in said


def test_verify_names_the_first_bad_entry_and_what_to_do(settings, steelyard):
    write(open_ledger(settings), 5)
    damage(settings)

    code, said = steelyard("ledger", "verify")
    code_json, said_json = steelyard("ledger", "verify", "--json")

    assert (code, code_json) == (1, 1)
    assert "The ledger is damaged: entry 3 is bad, its payload is not the one" in said
    assert "`steelyard restore FOLDER`" in said
    assert json.loads(said_json) | {"keys": []} == {
        "entries": 2,
        "first_bad": 3,
        "what": "entry 3 is bad, its payload is not the one that was recorded",
        "anchors": 0,
        "unanchored": 2,
        "erased": 0,
        "keys": [],
    }


@pytest.mark.parametrize("harm", [b"", b"no database at all" * 500])
def test_a_file_that_is_no_ledger_gets_the_sentence_and_no_traceback(settings, steelyard, harm):
    write(open_ledger(settings), 5)
    (settings.company_home / "ledger" / "ledger.sqlite").write_bytes(harm)

    for words in (["verify"], ["anchor"], ["export", str(settings.home / "audit")]):
        code, said = steelyard("ledger", *words)

        assert code == 1
        assert "The ledger is damaged" in said
        assert "steelyard restore FOLDER" in said
        assert "Traceback" not in said


def test_a_ledger_is_anchored_and_exported(settings, steelyard, tmp_path):
    write(open_ledger(settings), 5)

    assert "Anchored 5 entries, signed by" in steelyard("ledger", "anchor")[1]
    assert "Nothing was recorded since" in steelyard("ledger", "anchor")[1]
    assert "Wrote 5 entries" in steelyard("ledger", "export", str(tmp_path / "audit"))[1]
    code, said = steelyard("ledger", "export", str(tmp_path / "audit"))
    assert code == 1
    assert "exists already" in said


def test_a_damaged_ledger_takes_no_act_until_a_backup_is_put_back(settings, steelyard, tmp_path):
    write(open_ledger(settings), 5)
    steelyard("ledger", "anchor")
    assert steelyard("backup", str(tmp_path / "backup"))[0] == 0
    home, lost = settings.company_home, settings.home / "lost"
    path = home / "ledger" / "ledger.sqlite"
    path.write_bytes(path.read_bytes()[:8192])
    with pytest.raises(
        LedgerDamagedError, match=r"The ledger is damaged: .*`steelyard restore FOLDER`"
    ):
        write(open_ledger(settings), 1)

    home.rename(lost)
    assert steelyard("restore", str(tmp_path / "backup"))[0] == 0
    assert not (home / "keys").exists()
    code, said = steelyard("ledger", "verify")
    assert (code, "5 entries are what was recorded" in said) == (0, True)
    assert write(open_ledger(settings), 1)[0].seq == 6
    code, said = steelyard("ledger", "anchor")
    assert code == 1
    assert "ledger.pem is missing, the key that signs the anchors: put it back" in said
    shutil.copytree(lost / "keys", home / "keys")

    assert "Anchored 6 entries" in steelyard("ledger", "anchor")[1]
    assert steelyard("ledger", "verify")[0] == 0


def test_a_backup_holds_ledger_and_anchors_and_never_the_key(settings, tmp_path):
    write(open_ledger(settings), 5)
    open_ledger(settings).anchor()
    secret = settings.signing_key.read_bytes()
    # A key that is named lies where it likes, in the home as well.
    named = settings.company_home / "ledger" / "signing.pem"
    named.write_bytes(secret)

    back_up(settings.company_home, tmp_path / "backup", company="demo", signing_key=named)

    kept = {
        path.relative_to(tmp_path / "backup" / FILES).as_posix(): path.read_bytes()
        for path in (tmp_path / "backup" / FILES).rglob("*")
        if path.is_file()
    }
    assert {"ledger/ledger.sqlite", "anchors/anchors.jsonl"} <= kept.keys()
    assert secret not in kept.values()


@pytest.mark.slow
def test_a_backup_is_whole_while_people_go_on_deciding(settings, tmp_path):
    ledger = open_ledger(settings)
    done = threading.Event()
    written = []

    def decide():
        while not done.is_set():
            with ledger.writing(now=clock) as writer:
                written.append(writer.append(act(len(written))))
            ledger.anchor()

    person = threading.Thread(target=decide)
    person.start()
    try:
        for number in range(10):
            back_up(settings.company_home, tmp_path / f"backup-{number}", company="demo")
    finally:
        done.set()
        person.join()

    counts = []
    for number in range(10):
        home = tmp_path / f"restored-{number}"
        restore(tmp_path / f"backup-{number}", home, company="demo")
        own = Settings.from_environment({"STEELYARD_HOME": str(tmp_path)})
        anchors = type(ledger.anchors)(home / "anchors", own.signing_key)
        found = verify(Ledger.open(f"sqlite:///{home}/ledger/ledger.sqlite"), anchors)
        assert found.what is None
        counts.append(found.entries)
    assert counts == sorted(counts)
    assert 0 <= counts[0] < counts[-1] <= len(written)


def test_anchors_elsewhere_are_in_the_backup_and_stay_when_it_is_put_back(
    settings, variables, steelyard, tmp_path
):
    variables["STEELYARD_ANCHORS"] = str(tmp_path / "vault")
    settings = Settings.from_environment(variables)
    write(open_ledger(settings), 5)
    open_ledger(settings).anchor()
    steelyard("backup", str(tmp_path / "backup"))
    write(open_ledger(settings), 2)
    open_ledger(settings).anchor()
    settings.company_home.rename(settings.home / "lost")

    assert steelyard("restore", str(tmp_path / "backup"))[0] == 0
    assert not (settings.company_home / "anchors").exists()
    code, said = steelyard("ledger", "verify")
    assert code == 1
    assert "it ends with entry 5, and its anchor tells of 7" in said

    shutil.rmtree(settings.company_home)
    (tmp_path / "vault").rename(tmp_path / "vault-lost")
    assert steelyard("restore", str(tmp_path / "backup"))[0] == 0
    assert steelyard("ledger", "verify")[0] == 0


def test_a_ledger_in_postgres_is_in_the_backup_as_an_export(
    settings, variables, steelyard, new_database, tmp_path
):
    variables["STEELYARD_LEDGER"] = new_database()
    settings = Settings.from_environment(variables)
    write(open_ledger(settings), 5)

    assert steelyard("backup", str(tmp_path / "backup"))[0] == 0

    entries = tmp_path / "backup" / FILES / "ledger" / "export" / "entries.jsonl"
    assert len(entries.read_text().splitlines()) == 5
    settings.company_home.rename(settings.home / "lost")
    assert steelyard("restore", str(tmp_path / "backup"))[0] == 0


def test_a_ledger_in_postgres_comes_back_from_the_server_s_own_dump(
    new_database, anchors, tmp_path
):
    dump, load = (
        system_program(name, package="postgresql-client") for name in ("pg_dump", "pg_restore")
    )
    old, new = new_database(), new_database()
    ledger = Ledger.open(old, anchors=anchors)
    write(ledger, 5)
    ledger.anchor()
    file = str(tmp_path / "ledger.dump")

    subprocess.run([dump, "--format=custom", f"--file={file}", old], check=True)
    subprocess.run([load, "--clean", "--if-exists", f"--dbname={new}", file], check=True)

    restored = Ledger.open(new, anchors=anchors)
    assert verify(restored, anchors).what is None
    assert write(restored, 1)[0].seq == 6
