"""/openapi.json and /docs: made from the tables, complete, and self-contained."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from mimo.api.endpoints.openapi.document import document as document_of
from mimo.api.routes import ROUTES
from mimo.contract.errors import (
    ApiError,
    AuthenticationFailed,
    InsufficientBalance,
    PermissionDenied,
    RateLimitExceeded,
    UpstreamError,
)
from mimo.contract.models import MODELS, Model, with_models
from mimo.contract.parameters import PARAMETERS


@pytest.fixture(scope="module")
def document(server):
    return server.http.get("/openapi.json").json()


def test_the_document_has_every_route_with_its_errors_in_the_envelope(document):
    assert document["openapi"] == "3.1.0"
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert listed == set(ROUTES.table)
    chat = document["paths"]["/v1/chat/completions"]["post"]["responses"]
    assert set(chat) == {"200", "400", "401", "402", "403", "404", "413", "429", "500", "503"}
    assert set(chat["200"]["content"]) == {"application/json", "text/event-stream"}
    assert chat["400"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_what_an_upstream_can_do_to_an_answer_is_in_the_document_where_there_is_one():
    served = json.loads(document_of(MODELS, ROUTES.table, upstream=True))
    answers = {
        path: set(methods["post"]["responses"]) for path, methods in served["paths"].items() if "post" in methods
    }
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/completions"):
        assert {"502", "504"} <= answers[path]
    assert not {"502", "504"} & answers["/v1/files"]


def test_the_request_schema_is_the_parameters_table(document):
    request = document["components"]["schemas"]["ChatCompletionRequest"]
    assert list(request["properties"]) == ["model", "messages", *PARAMETERS, "functions", "function_call"]
    assert request["properties"]["model"] == {"enum": list(MODELS)}
    temperature = request["properties"]["temperature"]
    assert temperature["anyOf"] == [{"type": "number", "minimum": 0, "maximum": 2}, {"type": "null"}]
    assert temperature["default"] == 1.0
    assert request["properties"]["max_completion_tokens"]["anyOf"][0]["maximum"] == 128_000


def test_every_reference_in_the_document_leads_somewhere(document):
    names = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert names and names <= set(document["components"]["schemas"])


class Page(HTMLParser):
    """Text, ids, links and the tags that would fetch something."""

    def __init__(self, text):
        super().__init__()
        self.text, self.ids, self.links, self.fetching, self.open = "", [], [], [], []
        self.cells, self.script = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        elsewhere = tag == "link" and not found["href"].startswith("/")
        if tag in ("img", "iframe", "object") or "src" in found or elsewhere:
            self.fetching.append(tag)
        self.cells += [found.get("data-label")] if tag == "td" else []
        if tag not in ("meta", "input", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.script += data
        elif not self.open or self.open[-1] != "style":
            self.text += data


def test_the_page_shows_every_model_parameter_route_and_error(server):
    answer = server.http.get("/docs")
    page = Page(answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert page.open == []
    for name in (*MODELS, *PARAMETERS, *(path for _, path in ROUTES.table)):
        assert name in page.text
    errors = [ApiError]
    for error in errors:
        errors += error.__subclasses__()
        assert error.code in page.text
    assert "1 – 128,000" in page.text and "1 – 64,000" in page.text


def test_the_page_fetches_nothing_and_its_links_lead_somewhere(server):
    answer = server.http.get("/docs")
    page = Page(answer.text)
    assert page.fetching == []
    assert "url(" not in answer.text and "@import" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for link in page.links:
        assert link.removeprefix("#") in page.ids if link.startswith("#") else server.http.get(link).status_code == 200


def test_the_one_script_is_the_one_that_the_policy_names(server):
    answer = server.http.get("/docs")
    script = Page(answer.text).script
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert script and f"script-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert answer.text.count("<script") == 1 and "fetch(" not in script and "http" not in script


def test_the_words_of_the_page_show_no_markup(server):
    assert "`" not in Page(server.http.get("/docs").text).text


def test_every_section_and_parameter_can_be_linked_to(server):
    page = Page(server.http.get("/docs").text)
    assert len(set(page.ids)) == len(page.ids)
    for name in ("start", "models", "errors", *PARAMETERS, *(f"mimo-v2-flash.{name}" for name in PARAMETERS)):
        assert name in page.ids and f"#{name}" in page.links


def test_on_a_narrow_screen_every_value_stands_below_its_name(server):
    """There a row is a card, and what the head of a column said stands in its cells."""
    text = server.http.get("/docs").text
    page = Page(text)
    assert text.count("<table") == text.count('<table class="cards"')
    assert page.cells.count("default") == page.cells.count("range") == len(PARAMETERS) * len(MODELS)
    assert "@media(max-width:44rem)" in text and "content:attr(data-label)" in text


def test_the_window_in_force_stands_next_to_the_documented_one(server):
    text = " ".join(Page(server.http.get("/docs").text).text.split())
    window = server.http.get("/v1/models/mimo-v2-pro").json()["served_by"]["context_window"]
    assert f"1,048,576here {window:,}" in text and f"What answers here holds {window:,} tokens" in text


def test_what_happens_only_with_some_settings_says_with_which(server):
    text = Page(server.http.get("/docs").text).text
    for error, words in {
        AuthenticationFailed: "only where keys are set",
        InsufficientBalance: "mimo keys add --budget",
        PermissionDenied: "mimo keys add --models",
        RateLimitExceeded: "where keys have limits",
        UpstreamError: "only where the engine runs elsewhere",
    }.items():
        said = re.search(rf"{error.status}\s*{error.code}\s*(.*?)\n\d", text, re.S)
        assert said and words in " ".join(said[1].split()), error


def test_an_error_that_an_engine_derives_is_no_row_of_its_own(server):
    import mimo.engines.upstream.http.errors  # noqa: F401  it has one

    assert Page(server.http.get("/docs").text).text.count("upstream_error") == 1


def test_the_pages_have_an_icon(server):
    answer = server.http.get("/favicon.ico")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.content.startswith(b"<svg")


def test_the_page_names_the_host_it_was_asked_under_and_escapes_what_it_shows(server, serving):
    assert f"http://127.0.0.1:{server.port}/v1" in server.http.get("/docs").text
    assert "http://mimo.example/v1" in server.http.get("/docs", headers={"host": "mimo.example"}).text
    hostile = server.http.get("/docs", headers={"host": "a<script>b"}).text
    assert "a<script>b" not in hostile and "http://localhost:8000/v1" in hostile
    own = Model("<b>&evil", 10, 10, thinking=False)
    with serving(models=with_models([own])) as other:
        text = other.http.get("/docs").text
        assert "<b>&evil" not in text and "&lt;b&gt;&amp;evil" in text
