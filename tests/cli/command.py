"""`mimo` as a person runs it: a process of its own, without colours."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """{"answers": [{"when": "why", "steps": ["<think>", "Hm", "</think>", "Because", "."]},
                         {"steps": ["Hi", " there"]}]}"""


def mimo(*arguments: str, seconds: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mimo", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment},
    )
