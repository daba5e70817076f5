"""openai-python's own tests of chat completions pass against a running server."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.suites
def test_the_suite_of_openai_python_passes(base_url):
    specification = importlib.util.spec_from_file_location("openai_python", HERE / "openai_python.py")
    assert specification is not None and specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    finished = script.run(base_url, HERE.parents[1] / ".cache/openai-python")
    print(finished.stdout)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    passed = re.search(r"(\d+) passed", finished.stdout)
    assert passed and int(passed[1]) >= 30  # 45 with aiohttp, 36 without
