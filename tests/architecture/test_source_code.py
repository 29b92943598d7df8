"""How the Python code must be built: who imports whom, who reads the environment, what is thin."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from importlinter.cli import lint_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "orchestration").rglob("*.py"))
SHELLS = sorted((ROOT / "orchestration" / "defs").glob("*.py"))

SQL = re.compile(
    r"^\s*(with\s+\w+\s+as\s*\(|select\s.+|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s"
    r"|(create|drop|alter)\s+(or\s+replace\s+)?(temp\s+)?(table|view|schema)\s|copy\s.+\sto\s)",
    re.IGNORECASE | re.DOTALL,
)
RUNS_SQL = {"execute", "executemany", "sql", "query"}
COMPUTES = {"groupby", "agg", "aggregate", "mean", "median", "std", "merge", "apply", "pivot"}
# Stepping through the days of a run's own window; there is no number in it.
STEPS_THROUGH_DAYS = {"run_days"}


def test_every_import_follows_the_declared_layers(monkeypatch):
    monkeypatch.chdir(ROOT)

    assert lint_imports(no_cache=True, no_logo=True) == 0


def environment_reads(source: str) -> list[int]:
    """Lines that reach for environment variables, however they were imported."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}:
            lines.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            wanted = {alias.name for alias in node.names} & {"environ", "environb", "getenv"}
            lines += [node.lineno] * len(wanted)
    return sorted(lines)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nhome = os.environ['HOME']",
        "import os\nhome = os.getenv('HOME')",
        "import os as o\nhome = o.environ.get('HOME')",
        "from os import environ",
    ],
)
def test_a_read_of_the_environment_is_recognised(source):
    assert environment_reads(source)


def test_settings_alone_reads_environment_variables():
    readers = [path.name for path in SOURCES if environment_reads(path.read_text("utf-8"))]

    assert readers == ["settings.py"]


def offences(source: str) -> list[str]:
    """What a thin shell must not do: hold SQL, run it, or compute."""
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return list(_offences(tree, documentation))


def _offences(node: ast.AST, documentation: set[int]) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef) and node.name in STEPS_THROUGH_DAYS:
        return
    where = f"line {getattr(node, 'lineno', 0)}"
    if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in documentation:
        text = (
            node.value
            if isinstance(node, ast.Constant)
            else "".join(
                part.value if isinstance(part, ast.Constant) else " x " for part in node.values
            )
        )
        if isinstance(text, str) and SQL.search(text):
            yield f"{where}: SQL"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in RUNS_SQL:
            yield f"{where}: runs SQL"
        elif node.func.attr in COMPUTES:
            yield f"{where}: computes with {node.func.attr}()"
    elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(
        node.op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.FloorDiv | ast.Mod | ast.Pow
    ):
        sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
        if not any(_is_text_or_list(side) for side in sides):
            yield f"{where}: arithmetic"
    for child in ast.iter_child_nodes(node):
        yield from _offences(child, documentation)


def _is_text_or_list(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.List | ast.Tuple) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize(
    ("source", "offence"),
    [
        ("rows = con.sql(text)", "runs SQL"),
        ("TEXT = 'select * from kpi.fct_kpi_readings'", "SQL"),
        ("TEXT = f'insert into {table} values (1)'", "SQL"),
        ("TEXT = '''\n  with days as (select 1) select * from days'''", "SQL"),
        ("def asset(frame):\n    return frame.good / frame.produced", "arithmetic"),
        ("total = 0\nfor row in rows:\n    total += row.value", "arithmetic"),
        ("limits = frame.groupby('kpi_id').mean()", "computes"),
    ],
)
def test_a_shell_that_does_the_work_itself_is_recognised(source, offence):
    assert any(offence in found for found in offences(source))


@pytest.mark.parametrize(
    "source",
    [
        '"""Select what is shown."""\nkey: str | None = None',
        "name = 'fct_' + kind\nfolders = [*first, *second]",
        "message = 'Updates nothing; selects one day.'",
    ],
)
def test_prose_and_names_are_no_offence_of_a_shell(source):
    assert offences(source) == []


@pytest.mark.parametrize("path", SHELLS, ids=lambda path: path.name)
def test_dagster_shells_hold_neither_sql_nor_arithmetic(path):
    assert offences(path.read_text("utf-8")) == []


IMPORT_EVERYTHING = """
import importlib, os, pkgutil, sys
import duckdb
if "orchestration" in sys.argv:  # what other packages do when imported is their business
    import dagster, dagster_dbt, dbt.cli.main, great_expectations, pandas, statsmodels.api

root = sys.argv[1]
wrong = []

def watch(event, args):
    if event == "open":
        path = os.fspath(args[0]) if isinstance(args[0], (str, bytes, os.PathLike)) else ""
        path = path.decode() if isinstance(path, bytes) else path
        # The environment may lie in the checkout; its packages are not the product.
        inside = os.path.abspath(path).startswith(root) and "site-packages" not in path
        if path and inside and not path.endswith((".py", ".pyc")) and ".pyc." not in path:
            wrong.append(f"opens {path}")
    elif event in {"socket.connect", "subprocess.Popen", "sqlite3.connect", "os.mkdir"}:
        if event != "os.mkdir" or not str(args[0]).endswith("__pycache__"):
            wrong.append(f"{event} {args[:1]}")

def refuse(*args, **kwargs):
    wrong.append(f"duckdb.connect {args}")
    raise RuntimeError("a connection at import")

duckdb.connect = refuse
sys.addaudithook(watch)
sys.path.insert(0, root)
for name in sys.argv[2:]:
    importlib.import_module(name)
print("\\n".join(wrong))
"""


def imported(folder: Path, modules: list[str]) -> str:
    """What importing modules below a folder touches, one line per deed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_EVERYTHING, str(folder), *modules],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return done.stdout.strip()


def test_importing_the_product_reads_no_file_and_opens_no_connection():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
    ]

    assert imported(ROOT, modules) == ""


def test_a_module_that_reads_a_file_when_imported_is_recognised(tmp_path):
    (tmp_path / "facts.yml").write_text("plants: 6\n")
    (tmp_path / "eager.py").write_text("TEXT = open('facts.yml').read()\n")

    assert "opens facts.yml" in imported(tmp_path, ["eager"])
