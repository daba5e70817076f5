"""A real Prometheus reads /metrics, and every query of the dashboard and the alerts means something to it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from mimo.engines.scripted.script import Script, ScriptedAnswer
from mimo.telemetry.table import HIDDEN, METRICS
from mimo.testing import served

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "mimo.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
QUERIES = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in PANELS}
EMPTY_HERE = {"Ledger lag"}
"""Panels of what the servers of this test do not have: there are no keys."""
SCRIPT = Script([ScriptedAnswer(["<think>", "so", "</think>", "Hi", " there"])])


def test_the_dashboard_and_the_alerts_name_metrics_that_there_are():
    named = set(re.findall(r"mimo_\w+", json.dumps([QUERIES, ALERTS])))
    histograms = {name for name, row in METRICS.items() if row.kind == "histogram"}
    there = (METRICS.keys() - histograms - {HIDDEN}) | {f"{name}_bucket" for name in histograms} | {"mimo_build_info"}
    assert named <= there, named - there
    shown = set(re.findall(r"mimo_\w+", json.dumps(QUERIES)))
    assert there == shown, there - shown


def test_the_panels_of_the_dashboard_do_not_overlap():
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@contextlib.contextmanager
def prometheus(folder: Path, *urls: str) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes `urls` every second."""
    targets = [{"targets": [url.removeprefix("http://") for url in urls]}]
    jobs = [{"job_name": "mimo", "scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": targets}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": jobs}))
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command.append("--web.listen-address=127.0.0.1:0")  # a port chosen here might be another's by then
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, stderr=log, stdout=log) as process,
    ):
        try:
            with httpx.Client(base_url=address_of(process, folder / "log"), timeout=30) as client:
                yield client
        finally:
            process.terminate()
            process.wait(60)


def address_of(process: subprocess.Popen[bytes], log: Path, seconds: float = 120.0) -> str:
    """Where Prometheus listens, once it is ready to be asked."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if found := re.search(r'"Listening on" address=(\S+)', log.read_text()):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://{found[1]}/-/ready").status_code == 200:
                    return f"http://{found[1]}"
        time.sleep(0.2)
    raise RuntimeError(f"Prometheus did not start: {log.read_text()[-2000:]}")


def ask(client: httpx.Client, query: str) -> list[dict]:
    """The result of a query as a dashboard sends it."""
    for name, value in (("$__rate_interval", "10s"), ("$job", ".*"), ("$instance", ".*"), ("$model", ".*")):
        query = query.replace(name, value)
    answer = client.get("/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", (query, answer)
    return answer["data"]["result"]


def scraped(client: httpx.Client, seconds: float = 120.0) -> bool:
    """Whether both servers were read several times."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if len(ask(client, "count_over_time(up[1m]) >= 6 and up == 1")) == 2:
                return True
        time.sleep(0.5)
    return False


@pytest.mark.prometheus
@pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus here: apt-get install prometheus")
def test_every_panel_of_the_dashboard_shows_what_a_real_prometheus_scraped(tmp_path):
    body = {"model": "mimo-v2-flash", "max_completion_tokens": 6, "messages": [{"role": "user", "content": "hi"}]}
    with served() as engine:
        hosted = ("--engine", "hosted", "--upstream-model", "mimo-v2-flash", "--upstream")
        with (
            served(*hosted, f"http://127.0.0.1:9/v1,{engine.url}/v1") as front,
            prometheus(tmp_path, engine.url, front.url) as client,
        ):
            end = time.monotonic() + 15
            while time.monotonic() < end:
                for more in ({}, {"stream": True}, {"temperature": 9}):
                    httpx.post(f"{front.url}/v1/chat/completions", json={**body, **more}, timeout=60)
                time.sleep(0.2)
            assert scraped(client), (tmp_path / "log").read_text()[-2000:]
            for title, queries in QUERIES.items():
                found = [ask(client, query) for query in queries]
                assert all(found) or title in EMPTY_HERE, (title, queries)
            for rule in ALERTS:
                ask(client, rule["expr"])
            assert ask(client, 'mimo_upstream_failovers_total{address=~".*:9/v1"}')[0]["value"][1] != "0"


@pytest.mark.prometheus
@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here: apt-get install prometheus")
def test_promtool_finds_nothing_to_say():
    with served(script=SCRIPT) as engine:
        page = httpx.get(f"{engine.url}/metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for check, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        command = ["promtool", "check", check, str(DEPLOY / "prometheus" / name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
