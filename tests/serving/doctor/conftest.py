"""The fake engine of the upstream tests."""

from tests.engines.upstream.conftest import fake as fake
