"""Claims about the layout itself: what lies where, and who imports whom. Read from the source; nothing is imported.
`python -m tests.test_layout` prints the rooms from the roof to the ground, each with those it imports, and any circle.

Imports inside functions and under TYPE_CHECKING count as well: a reader follows them all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "mimo"

ORDER = (
    {"__main__"},
    {"cli", "testing", "verify"},
    {"serving"},
    {"config"},
    {"telemetry"},
    {"api"},
    {"accounts"},
    {"generate"},
    {"engines"},
    {"constraints"},
    {"output"},
    {"calls", "chat"},
    {"tokenizers", "media"},
    {"nano", "llamacpp"},
    {"contract"},
    {"child", "sampling"},
    {"types", "folders", "heap"},
)
"""The rooms from the roof to the ground: a room imports rooms below it, and none on its own floor."""

NOT_BUILT_YET: set[str] = set()

UPWARD: set[tuple[str, str]] = set()
"""Who still imports upwards, and whom. Lines may leave this table, none may come."""

CIRCLES: set[frozenset[str]] = set()
"""Modules that still import each other. Groups may leave this table or shrink, none may come or grow."""

NOT_IN_THE_PACKAGE = {"attack", "bench", "fuzz", "install", "soak", "suites", "training"}
"""Folders of tests that have no room in the package: what they test lies at the root, or is everything at once."""

TESTED_FROM_OUTSIDE = {
    "api/endpoints/openapi",
    "api/site/docs",
    "calls/mimo",
    "chat/jinja",
    "chat/mimo",
    "contract/json_schema",
    "engines/upstream/sglang",
}
"""Rooms without a folder of tests: those of the room around them test them."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its full name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> dict[str, set[str]]:
    """The modules of the package that each module imports, the packages they lie in left out."""
    return {name: set(_imported(path, set(modules()))) - {name} for name, path in modules().items()}


def _imported(path: Path, known: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from inner & known
            if node.module in known and inner - known:
                yield node.module


def circles(graph: Mapping[str, Iterable[str]]) -> set[frozenset[str]]:
    """Groups of nodes that all reach each other: no circles, no groups."""
    below = {node: _reached(node, graph) for node in graph}
    groups = {frozenset(other for other in below[node] if node in below.get(other, ())) for node in graph}
    return groups - {frozenset()}


def _reached(node: str, graph: Mapping[str, Iterable[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(graph[node])
    while waiting:
        if (found := waiting.pop()) not in reached:
            reached.add(found)
            waiting += graph.get(found, ())
    return reached


def room(module: str) -> str:
    """The room a module lies in: the part of its name after `mimo`; the package itself is none."""
    return module.split(".")[1] if "." in module else ""


def folders(top: Path) -> set[str]:
    """Folders under `top` with Python files that hold code, relative to it."""
    files = (path for path in top.rglob("*.py") if path.name != "__init__.py")
    return {path.parent.relative_to(top).as_posix() for path in files} - {"."}


def test_no_module_imports_itself_by_way_of_others() -> None:
    found = circles(imports())
    grown = [sorted(group) for group in found if not any(group <= known for known in CIRCLES)]
    assert not grown, f"these import each other: {grown}"
    gone = [sorted(group) for group in CIRCLES if group not in found]
    assert not gone, f"no longer a circle, or a smaller one: {gone}; change CIRCLES"


def rooms() -> dict[str, set[str]]:
    """Each room, with those that it imports."""
    arrows = {(one, other) for one, others in imports().items() for other in others if (one, other) not in UPWARD}
    found: dict[str, set[str]] = {room(name): set() for name in modules()}
    for one, other in arrows:
        if room(one) != room(other):
            found[room(one)].add(room(other))
    return found


def test_no_room_imports_itself_by_way_of_others() -> None:
    assert not circles(rooms())


def test_rooms_import_only_what_lies_below_them() -> None:
    floor = {name: height for height, names in enumerate(ORDER) for name in names}
    assert set(floor) == {room(name) for name in modules()} - {""} | NOT_BUILT_YET
    found = {
        (one, other)
        for one, others in imports().items()
        for other in others
        if room(one) and room(other) and room(one) != room(other) and floor[room(other)] <= floor[room(one)]
    }
    assert not found - UPWARD, f"imports what lies above it: {sorted(found - UPWARD)}"
    assert not UPWARD - found, f"no longer: {sorted(UPWARD - found)}; take it from UPWARD"


def test_only_the_table_of_protocols_knows_a_protocol() -> None:
    """So that a new one is a folder and a line. Tokenising takes messages in the form of chat completions."""
    top = "mimo.api.protocols"
    protocols = {f"{top}.{path.parent.name}" for path in (PACKAGE / "api/protocols").glob("*/__init__.py")}
    tokenising = {f"mimo.api.endpoints.{name}" for name in ("tokenize", "tokenizer", "openapi.schemas")}
    found = {
        (one, other)
        for one, others in imports().items()
        for other in others
        if (whole := ".".join(other.split(".")[:4])) in protocols and not one.startswith(f"{whole}.") and one != whole
    }
    known = {(one, f"{top}.openai_chat.messages") for one in tokenising}
    assert {(one, other) for one, other in found if one != top} == known


def test_every_folder_of_tests_is_a_room_of_the_package() -> None:
    tested = {name for name in folders(TESTS) if name.partition("/")[0] not in NOT_IN_THE_PACKAGE}
    missing = sorted(name for name in tested if not (PACKAGE / name).is_dir())
    assert not missing, f"no rooms of the package: {missing}; a folder of tests moves with its room"


def test_every_room_has_its_folder_of_tests() -> None:
    missing = folders(PACKAGE) - folders(TESTS)
    assert missing == TESTED_FROM_OUTSIDE, f"in one and not in the other: {sorted(missing ^ TESTED_FROM_OUTSIDE)}"


def test_tests_import_no_test_module() -> None:
    """What several test modules want lies in a module of its own; only a conftest takes fixtures of another."""
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            last = name.rpartition(".")[2]
            assert not last.startswith("test_") and (last != "conftest" or path.name == "conftest.py"), (path, name)


def test_every_ignored_type_says_why() -> None:
    for path in PACKAGE.rglob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            assert "type: ignore" not in line or "]  # " in line, (path, line)


def test_a_circle_is_found() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["b"], "d": []}) == {frozenset("bc")}


if __name__ == "__main__":
    for names in ORDER:
        for name in sorted(names):
            print(f"{name:12} {' '.join(sorted(rooms()[name] - {''}))}")
    print(f"circles: {len(circles(imports()))} of {len(modules())} modules, {len(circles(rooms()))} of rooms")
