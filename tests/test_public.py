"""What `import mimo` gives: a stated surface, that costs nothing until it is used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import mimo

ROOT = Path(__file__).parents[1]


def test_the_public_names_are_these_and_each_is_there() -> None:
    assert set(mimo.__all__) == {
        "MODELS",
        "PARAMETERS",
        "ApiError",
        "Settings",
        "StartError",
        "__version__",
        "load_settings",
    }
    assert all(getattr(mimo, name) is not None for name in mimo.__all__)
    assert set(mimo.__all__) <= set(dir(mimo))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = mimo.nothing_like_it


def test_make_help_names_every_target() -> None:
    stated = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert stated
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(line.split()[1] for line in said.splitlines() if line.startswith("make ")) == sorted(
        stated[1].split()
    )


def test_importing_mimo_loads_nothing_else() -> None:
    code = "import sys, importlib, typing; before = set(sys.modules); import mimo; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {"mimo", "__future__"}


def test_the_version_is_that_of_the_package() -> None:
    assert version("mimo") == mimo.__version__


def test_the_pytest_plugin_and_the_command_are_where_the_package_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for home in (project["entry-points"]["pytest11"]["mimo"], *project["scripts"].values()):
        module, _, name = home.partition(":")
        assert not name or callable(getattr(import_module(module), name))
        import_module(module)


def test_what_the_package_imports_is_declared() -> None:
    """Direct imports, by the names that the packages are installed under."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [rows for name, rows in project["optional-dependencies"].items() if name != "train"]
    rows = [*project["dependencies"], *(row for rows in extras for row in rows)]
    declared = {re.split(r"[^A-Za-z0-9_-]", row)[0].lower().replace("-", "_") for row in rows}
    declared |= {"PIL"} if "pillow" in declared else set()
    declared |= {name.partition("_")[0] for name in declared if name.startswith("opentelemetry_")}
    found = set[str]()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    ours = {"mimo", "pytest", "compression"}  # pytest imports the plugin; compression is of Python from 3.14 on
    assert found - ours - set(sys.stdlib_module_names) <= declared
