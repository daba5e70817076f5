"""What a person has after a plain `pip install`: a wheel in a fresh environment and an empty folder, no checkout.

Packages come from wherever pip is set to take them; the newest that the wheel allows, not the pinned ones.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import mimo

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.install


class Installed:
    """The programs of an environment that has mimo, run in `folder` by a person without settings."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        self.environment = {**kept, "HOME": str(folder), "NO_COLOR": "1"}

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [str(self._programs / words[0]), *words[1:]]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, cwd=self._folder,
            env=self.environment,
        )  # fmt: skip

    def run(self, *words: str) -> tuple[int, str]:
        """Status and everything that was printed."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=300)
        return process.returncode, out + err


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place = tmp_path_factory.mktemp("install")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(place), str(ROOT)], check=True, timeout=300)
    (wheel,) = place.glob("mimo-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True, timeout=300)
    programs = place / "venv" / "bin"
    install = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--only-binary", ":all:", str(wheel)], check=True, timeout=800)
    home = place / "home"
    home.mkdir()
    return Installed(programs, home)


def test_mimo_is_a_program_of_the_environment(installed: Installed) -> None:
    assert installed.run("mimo", "--version") == (0, f"mimo {mimo.__version__}\n")
    assert installed.run("mimo", "--help")[0] == 0
    assert installed.run("python", "-m", "pip", "check")[0] == 0


def test_the_doctor_finds_nothing_wrong(installed: Installed) -> None:
    status, said = installed.run("mimo", "doctor", "--json", "--port", "0")
    assert status == 0, said
    assert json.loads(said)["ok"]


def test_it_answers_as_the_line_that_it_prints_asks(installed: Installed) -> None:
    process = installed.start("mimo", "serve", "--port", "0")
    try:
        lines = _until_the_command(process)
        url = re.search(r"http://\S+/v1/chat/completions", lines[-1])
        body = re.search(r"-d '(.*)'", lines[-1])
        assert url and body, lines
        answer = httpx.post(url[0], content=body[1], timeout=300).json()
        assert answer["choices"][0]["message"]["content"]
    finally:
        process.terminate()
        process.wait(60)


def test_the_pytest_fixture_is_there_where_pytest_is_not(installed: Installed) -> None:
    assert installed.run("python", "-c", "import mimo.testing, mimo.sampling; mimo.testing.served") == (0, "")


def _until_the_command(process: subprocess.Popen[str]) -> list[str]:
    def lines() -> Iterator[str]:
        for line in process.stderr or ():
            yield line
            if line.strip().startswith("curl "):
                return

    return list(lines())
