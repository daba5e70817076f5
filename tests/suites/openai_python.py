"""openai-python's own tests of chat completions, against a running server. Nothing of them is kept in this repository.

    python tests/suites/openai_python.py http://127.0.0.1:8000

Brings the source package of the installed `openai` version with pip into a cache folder, and runs
`tests/api_resources/chat/test_completions.py` from it with TEST_API_BASE_URL. The server needs an alias for MODEL.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

SUITE = "tests/api_resources/chat/test_completions.py"
MODEL = "gpt-6-astra"
"""The model its tests ask for; `[aliases]` in the server's config file makes it one of ours."""

CANNOT_PASS = {
    "with_all_params": "sends max_completion_tokens 0, a seed below 0, a logit_bias for the token id 'foo', and audio, "
    "tools, functions and the like: the contract refuses each of them by name",
    "_retrieve": "stored completions: nothing is stored here, and the contract has no such route",
    "_update": "stored completions",
    "_list": "stored completions",
    "_delete": "stored completions",
}
"""What in a test's name leaves it out, and why. `test_path_params_*` stay in: they check the client only."""


def unpacked(cache: Path) -> Path:
    """The source tree of the installed version of `openai` below `cache`, brought there if it is missing."""
    name = f"openai-{version('openai')}"
    tree = cache / name
    if not (tree / SUITE).exists():
        cache.mkdir(parents=True, exist_ok=True)
        wanted = name.replace("-", "==")
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*download, "--dest", str(cache), wanted], check=True)
        with tarfile.open(cache / f"{name}.tar.gz") as archive:
            archive.extractall(cache, filter="data")
    return tree


def run(base_url: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run the suite against the server at `base_url` (without /v1); what pytest printed is in `stdout`."""
    left_out = [f"{name} and not path_params" for name in CANNOT_PASS]
    if find_spec("aiohttp") is None:  # the SDK's third transport is an extra of its own
        left_out.append("aiohttp")
    command = [sys.executable, "-m", "pytest", SUITE, "-o", "addopts=", "-p", "no:cacheprovider", "-q", "--tb=short"]
    command += ["-W", "ignore", "-k", " and ".join(f"not ({words})" for words in left_out)]
    environment = {**os.environ, "TEST_API_BASE_URL": f"{base_url}/v1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(command, cwd=unpacked(cache), env=environment, text=True, capture_output=True)


if __name__ == "__main__":
    finished = run(sys.argv[1].rstrip("/").removesuffix("/v1"), Path(".cache/openai-python"))
    print(finished.stdout, finished.stderr)
    sys.exit(finished.returncode)
