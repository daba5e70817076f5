"""`mimo` as a person runs it: a process of its own, without colours."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """{"answers": [{"when": "why", "steps": ["<think>", "Hm", "</think>", "Because", "."]},
                         {"steps": ["Hi", " there"]}]}"""


def mimo(
    *arguments: str, seconds: float = 300, piped: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mimo", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL if piped is None else None,
        input=piped,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment},
    )
