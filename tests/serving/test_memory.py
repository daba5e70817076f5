"""What a server holds that nobody has asked anything yet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mimo.testing import served


@pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux only")
def test_an_idle_server_with_nano_holds_at_most_250_megabytes() -> None:
    with served() as (_, process):
        status = Path(f"/proc/{process.pid}/status").read_text()
    (held,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert held * 1024 <= 250e6
