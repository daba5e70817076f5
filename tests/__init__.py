"""The tests. What asserts in a module that is no test module is named here, so that its failures say why."""

import pytest

pytest.register_assert_rewrite("tests.verify.claims")
