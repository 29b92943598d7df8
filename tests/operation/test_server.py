"""The server that docs/operations.md describes: services, database, proxy, pages for auditors.

What is started are the command lines of the units in `deploy` behind `deploy/nginx.conf`; places
and ports alone are the test's own.
"""

import base64
import http.client
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psycopg2
import pytest

from orchestration.doctor import examine, prepare_home
from orchestration.publication.snapshot import STANDS_IN, read_current
from orchestration.settings import Settings
from tests.operation.page import blocks, run_in_shell
from tests.services import (
    BIN,
    COME_UP_SECONDS,
    ROOT,
    Services,
    free_port,
    postgres,
    published_hash,
    system_program,
    wait_for,
)

pytestmark = pytest.mark.slow

DEPLOY = ROOT / "deploy"
TO_FINISH = 900
OPERATOR, AUDITOR = ("olga", "fulcrum"), ("amir", "balance")
START_SENSOR = """
mutation($sensor: SensorSelector!) {
  startSensor(sensorSelector: $sensor) {
    __typename
    ... on UnauthorizedError { message }
    ... on PythonError { message }
  }
}
"""
SENSOR = {
    "repositoryLocationName": "steelyard",
    "repositoryName": "__repository__",
    "sensorName": "landing_folder",
}
RUNS = "{ runsOrError { ... on Runs { results { status jobName } } } }"


@dataclass(frozen=True)
class Server:
    settings: Settings
    services: Services
    folder: Path
    ports: dict[str, int]

    def moved(self, text: str) -> str:
        """Return a configuration with the places and ports of this server."""
        places = {
            "/opt/steelyard/.venv/bin": str(BIN),
            "/opt/steelyard": str(ROOT),
            "/etc/steelyard": str(self.folder / "etc"),
            "listen 8443": f"listen 127.0.0.1:{self.ports['8443']}",
        } | {port: str(self.ports[port]) for port in ("3000", "3001")}
        for documented, here in places.items():
            text = text.replace(documented, here)
        return text

    def start_unit(self, name: str) -> None:
        unit = self.moved((DEPLOY / f"{name}.service").read_text(encoding="utf-8"))
        (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
        self.services.start(name, shlex.split(command))

    def start_proxy(self) -> None:
        nginx = system_program("nginx", package="nginx-light")
        etc = self.folder / "etc"
        etc.mkdir()
        for name, (user, password) in {"operators": OPERATOR, "auditors": AUDITOR}.items():
            digest = _openssl("passwd", "-apr1", password).strip()
            (etc / f"{name}.htpasswd").write_text(f"{user}:{digest}\n")
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=steelyard", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(etc / "tls.key"), "-out", str(etc / "tls.crt")),
        )
        site = self.moved((DEPLOY / "nginx.conf").read_text(encoding="utf-8"))
        (etc / "site.conf").write_text(site)
        own = "\n".join(
            f"{kind}_temp_path {self.folder / kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # Root's workers give their rights up, and could not read this folder.
        user = "user root;" if os.getuid() == 0 else ""
        (etc / "nginx.conf").write_text(
            f"daemon off; pid {self.folder / 'nginx.pid'}; error_log stderr; {user}\n"
            f"events {{}} http {{ access_log off; {own} include {etc / 'site.conf'}; }}\n"
        )
        self.services.start("nginx", [nginx, "-c", str(etc / "nginx.conf"), "-e", "stderr"])

    def ask(self, method, path, *, sign_in=None, body=None, headers=None):
        """Send a request through the proxy; return status and body."""
        trusted = ssl.create_default_context(cafile=str(self.folder / "etc" / "tls.crt"))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.ports["8443"], context=trusted, timeout=COME_UP_SECONDS
        )
        headers = dict(headers or {})
        if sign_in is not None:
            token = base64.b64encode(":".join(sign_in).encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            # A socket that was opened says nothing until it is spoken to.
            return response.status, b"" if response.status == 101 else response.read()
        finally:
            connection.close()

    def graphql(self, path, query, *, sign_in, **values):
        status, body = self.ask(
            "POST",
            f"{path}/graphql",
            sign_in=sign_in,
            body=json.dumps({"query": query, "variables": values}),
            headers={"Content-Type": "application/json"},
        )
        assert status == 200, body
        return json.loads(body)["data"]


def _openssl(*words):
    openssl = system_program("openssl", package="openssl")
    return subprocess.run([openssl, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def server(tiny_home, tmp_path_factory):
    """A server with deliveries and nothing loaded, its services up behind the proxy."""
    folder = tmp_path_factory.mktemp("server")
    with postgres("dagster") as storage:
        settings = Settings.from_environment(
            {"STEELYARD_HOME": str(folder / "home"), "STEELYARD_DAGSTER_STORAGE": storage}
        )
        shutil.copytree(tiny_home / "demo" / "inbox", settings.landing)
        # A parsed project saves each process 10 s and does not matter here.
        shutil.copytree(tiny_home / "demo" / "dbt", settings.dbt_home)
        prepare_home(settings)
        ports = {port: free_port() for port in ("3000", "3001", "8443")}
        services = Services(settings, folder)
        server = Server(settings, services, folder, ports)
        try:
            server.start_proxy()
            for unit in sorted(DEPLOY.glob("*.service")):
                server.start_unit(unit.stem)
            for path, who in (("/server_info", OPERATOR), ("/audit/server_info", AUDITOR)):
                wait_for(
                    path,
                    lambda path=path, who=who: _answers(server, path, who),
                    seconds=COME_UP_SECONDS,
                )
            yield server
        finally:
            services.close()


def _answers(server, path, who):
    try:
        return server.ask("GET", path, sign_in=who)[0] == 200
    except ConnectionRefusedError:
        return False


@pytest.fixture(scope="module")
def loaded(server):
    """The server after its sensor, switched on through the proxy, asked for a run."""
    started = server.graphql("", START_SENSOR, sign_in=OPERATOR, sensor=SENSOR)
    assert started["startSensor"]["__typename"] == "Sensor", started

    def outcome():
        runs = server.graphql("/audit", RUNS, sign_in=AUDITOR)["runsOrError"]["results"]
        return runs if runs and runs[0]["status"] in {"SUCCESS", "FAILURE"} else None

    assert wait_for("the run", outcome, seconds=TO_FINISH) == [
        {"status": "SUCCESS", "jobName": "daily"}
    ]
    return server


def test_nobody_comes_in_without_a_name_and_auditors_come_to_their_own_pages_alone(server):
    seen = {
        (path, who): server.ask("GET", f"{path}/server_info", sign_in=who)[0]
        for path in ("", "/audit")
        for who in (None, (OPERATOR[0], "guess"), OPERATOR, AUDITOR)
    }

    assert {key for key, status in seen.items() if status == 200} == {
        ("", OPERATOR),
        ("/audit", AUDITOR),
    }
    assert set(seen.values()) == {200, 401}


def test_the_socket_that_shows_running_runs_passes_the_proxy(server):
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
        "Sec-WebSocket-Protocol": "graphql-ws",
    }

    assert server.ask("GET", "/graphql", sign_in=OPERATOR, headers=handshake)[0] == 101
    assert server.ask("GET", "/graphql", headers=handshake)[0] == 401


def test_what_an_auditor_wants_to_change_is_refused(server):
    refused = server.graphql("/audit", START_SENSOR, sign_in=AUDITOR, sensor=SENSOR)

    assert refused["startSensor"]["__typename"] == "UnauthorizedError"


def test_the_daemon_loads_what_lies_in_the_landing_folder_with_its_history_in_postgres(
    loaded, tiny_home
):
    undisturbed = Settings.from_environment({"STEELYARD_HOME": str(tiny_home)})

    assert published_hash(loaded.settings) == published_hash(undisturbed)
    with psycopg2.connect(loaded.settings.dagster_storage) as con, con.cursor() as cursor:
        cursor.execute("select pipeline_name, status from runs")
        assert cursor.fetchall() == [("daily", "SUCCESS")]
    assert list(loaded.settings.dagster_home.rglob("*.db")) == []
    assert [one for one in examine(loaded.settings) if not one.ok] == []


def test_the_database_of_the_history_is_backed_up_and_put_back_as_the_page_says(loaded):
    count = "select count(*) from event_logs"
    with psycopg2.connect(loaded.settings.dagster_storage) as con, con.cursor() as cursor:
        cursor.execute(count)
        before = cursor.fetchall()

    system_program("pg_dump", package="postgresql")
    for block in blocks("sh postgres"):
        run_in_shell(block, folder=loaded.folder, environment=loaded.services.environment)

    with loaded.services.instance() as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
    with psycopg2.connect(loaded.settings.dagster_storage) as con, con.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchall() == before


def test_an_auditor_sees_the_lineage_of_what_is_published(loaded, tmp_path):
    chromium = system_program("chromium", package="chromium")
    picture = tmp_path / "lineage.png"
    page = (
        f"http://127.0.0.1:{loaded.ports['3001']}/audit/assets/published/snapshot"
        "?view=lineage&lineageScope=upstream&lineageDepth=1"
    )

    seen = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1500,1000"),
            *("--virtual-time-budget=30000", f"--screenshot={picture}", "--dump-dom", page),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    # The picture stays in pytest's folder, for people; what is on it is judged by its text.
    assert picture.stat().st_size > 0
    labels = set(re.findall(r">([\w\N{HORIZONTAL ELLIPSIS}]+)<", seen))
    tables = {
        name
        for schema, name in (
            STANDS_IN.get(table.relation, table.relation).split(".")
            for table in read_current(loaded.settings.published).tables
        )
        if schema in {"core", "kpi", "scorecard"}
    }
    assert len(tables) > 5
    assert {name for name in tables if not any(map(_shortens(name), labels))} == set()


def _shortens(name):
    """Return whether a label is the name, or its ends around an ellipsis."""

    def shortens(label):
        head, ellipsis, tail = label.partition("\N{HORIZONTAL ELLIPSIS}")
        return label == name or bool(ellipsis and name.startswith(head) and name.endswith(tail))

    return shortens
