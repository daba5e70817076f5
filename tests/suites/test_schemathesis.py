"""schemathesis on our OpenAPI document: never a 5xx, every answer as the document says, every error in the envelope."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = [pytest.mark.suites, pytest.mark.filterwarnings("ignore")]
FEW_TOKENS = 8
LIMITS = {
    "/v1/chat/completions": "max_completion_tokens",
    "/v1/completions": "max_completion_tokens",
    "/v1/responses": "max_output_tokens",
    "/v1/messages": "max_tokens",
}
"""What bounds an answer on each route."""
EXAMPLES = 60
"""Requests for each operation, of either kind: those that fit the document and those that do not."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


def test_every_answer_is_as_documented(base_url):
    document = schemathesis.openapi.from_url(f"{base_url}/openapi.json")
    found: Any = document.get_all_operations()
    operations = [operation.ok() for operation in found]
    assert len(operations) >= 13
    for operation in operations:
        for mode in MODES:

            @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case):
                check_one(case)

            try:
                check()
            except Unsatisfiable:  # an operation without a body has nothing that could be wrong
                assert mode is GenerationMode.NEGATIVE


def check_one(case):
    """One request, and everything that must be true of its answer."""
    body = case.body
    limit = LIMITS.get(case.path.removeprefix("/anthropic"))
    if isinstance(body, dict) and limit is not None:
        asked = body.get(limit)
        if asked is None or (type(asked) is int and FEW_TOKENS < asked <= 64_000):
            body[limit] = FEW_TOKENS  # what is allowed need not take minutes
    response = case.call()
    case.validate_response(response, checks=CHECKS)
    assert response.headers["x-request-id"]
    if response.status_code >= 400:
        error = response.json()["error"]
        anthropic = "/messages" in case.path or case.path.startswith("/anthropic")
        assert set(error) == ({"message", "type"} if anthropic else {"code", "message", "param", "type"})
        assert isinstance(error["message"], str) and error["message"]
