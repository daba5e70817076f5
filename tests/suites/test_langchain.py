"""langchain-tests' standard chat-model suite with langchain-openai, against a running server.

Tool calls, structured output and media belong to later issues: their tests are left out by the suite's own switches.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

pytestmark = [pytest.mark.suites, pytest.mark.filterwarnings("ignore")]


class TestMimo(ChatModelIntegrationTests):
    """The suite; every test is inherited."""

    base_url = ""

    @pytest.fixture(autouse=True)
    def _where(self, base_url: str) -> None:
        self.base_url = base_url

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "mimo-v2-flash",
            "base_url": f"{self.base_url}/v1",
            "api_key": "unused",
            "max_retries": 0,
            "stream_usage": True,
        }

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @property
    def model_override_value(self) -> str:
        return "mimo-v2-pro"
