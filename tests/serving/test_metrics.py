"""`mimo serve` and its metrics: who may read them, and the counts of several workers as one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client import parser
from tests.engines.upstream.fronts import says, until

from mimo.config import Settings, model_rows
from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.nano import gguf_path
from mimo.serving.telemetry import cells_of
from mimo.telemetry.table import METRICS
from mimo.testing import served

SCRIPT = Script([ScriptedAnswer(["Hi"])])
BODY = {"model": "mimo-v2-flash", "messages": [{"role": "user", "content": "hi"}]}


def counted(url: str, name: str, **labels: str) -> float:
    """The sum of the samples with these labels."""
    page = httpx.get(f"{url}/metrics", timeout=60)
    assert page.status_code == 200
    families = parser.text_string_to_metric_families(page.text)
    samples = (sample for family in families for sample in family.samples if sample.name == name)
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


@pytest.mark.parametrize(
    ("arguments", "without", "with_key"),
    [
        ((), 200, 200),
        (("--api-keys", "k"), 200, 200),
        (("--api-keys", "k", "--metrics", "key"), 401, 200),
        (("--api-keys", "k", "--host", "0.0.0.0"), 401, 200),
        (("--api-keys", "k", "--host", "0.0.0.0", "--metrics", "open"), 200, 200),
        (("--metrics", "off"), 404, 404),
        (("--metrics", "key"), 401, 401),  # nobody has one
        (("--host", "0.0.0.0", "--insecure"), 401, 401),
        (("--host", "0.0.0.0", "--insecure", "--metrics", "open"), 200, 200),
    ],
)
def test_metrics_are_open_on_a_loopback_address_and_elsewhere_want_a_key(arguments, without, with_key):
    with served(*arguments, script=SCRIPT) as (url, _):
        url = url.replace("0.0.0.0", "127.0.0.1")
        assert httpx.get(f"{url}/metrics").status_code == without
        assert httpx.get(f"{url}/metrics", headers={"authorization": "Bearer k"}).status_code == with_key


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at /proc")
def test_any_worker_gives_the_counts_of_all_of_them_and_of_those_that_died(llama, fake):
    says(fake, llama, "hello")
    arguments = ("--engine", "llama-server", "--upstream", fake.url, "--tokenizer", str(gguf_path()))
    with served(*arguments, "--workers", "2") as (url, process):

        def answers(count: int) -> bool:
            return counted(url, "mimo_requests_total", protocol="openai_chat", status="200") == count

        def workers() -> set[str]:
            page = parser.text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
            return {one.labels["worker"] for family in page for one in family.samples if "worker" in one.labels}

        for _ in range(20):  # each on a connection of its own, so that both workers have some
            assert httpx.post(f"{url}/v1/chat/completions", json=BODY, timeout=120).status_code == 200
        assert until(lambda: answers(20)) and all(answers(20) for _ in range(10))
        assert until(lambda: workers() == {"0", "1"})
        assert counted(url, "mimo_upstream_healthy", address=fake.url) == 1
        first, *_ = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        os.kill(first, signal.SIGKILL)
        assert httpx.post(f"{url}/v1/chat/completions", json=BODY, timeout=120).status_code == 200
        assert until(lambda: answers(21)) and all(answers(21) for _ in range(10))
        assert counted(url, "mimo_ready") == 1


def test_what_is_secret_in_the_address_of_an_upstream_is_no_label():
    settings = Settings(upstream=("http://user:pass@10.0.0.1:8000/v1?key=s", "http://[bad"))
    cells = cells_of(settings, model_rows(settings))
    page = repr(list(cells.each(METRICS["mimo_upstream_failures_total"])))
    assert "http://10.0.0.1:8000/v1" in page and "pass" not in page and "key=s" not in page


def test_the_lag_of_the_ledger_is_shown_where_there_are_keys(tmp_path):
    data = ("--data-dir", str(tmp_path))
    made = subprocess.run(
        [sys.executable, "-m", "mimo", "keys", "add", "team seven", *data], capture_output=True, text=True, check=True
    )
    key = re.search(r"sk-\S+", made.stdout)
    assert key is not None
    with served(*data, script=SCRIPT) as (url, _):
        head = {"authorization": f"Bearer {key[0]}"}
        assert httpx.post(f"{url}/v1/chat/completions", json=BODY, headers=head, timeout=60).status_code == 200
        assert until(lambda: counted(url, "mimo_tokens_total", kind="completion") > 0)
        assert until(lambda: "\nmimo_ledger_lag_seconds 0.0\n" in httpx.get(f"{url}/metrics").text)
    with served(script=SCRIPT) as (url, _):
        assert "\nmimo_ledger_lag_seconds " not in httpx.get(f"{url}/metrics").text
