"""Claims about the layout itself: what lies where, and who imports whom. Read from the source; nothing is imported."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
PACKAGE = ROOT / "src" / "mimo"

NOT_IN_THE_PACKAGE = {"bench", "fuzz", "suites", "training"}
"""Folders of tests that have no room in the package: what they test lies at the root, or is everything at once."""
WITHOUT_TESTS_OF_ITS_OWN: dict[str, str] = {}


def folders(top: Path) -> set[str]:
    """Folders under `top` with Python files in them, relative to it."""
    return {path.parent.relative_to(top).as_posix() for path in top.rglob("*.py")} - {"."}


def test_every_folder_of_tests_is_a_room_of_the_package() -> None:
    rooms = {name for name in folders(TESTS) if name.partition("/")[0] not in NOT_IN_THE_PACKAGE}
    missing = sorted(name for name in rooms if not (PACKAGE / name).is_dir())
    assert not missing, f"tests/{missing[0]} tests src/mimo/{missing[0]}, which is not there: move one of the two"


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names
