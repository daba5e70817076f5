"""mimo: the MiMo API as software you run.

What is public, besides the command line and the HTTP API: the names in `__all__`, `mimo.testing` and `mimo.sampling`.
Everything else may change without notice. A name is imported when it is first used: `import mimo` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimo.config import Settings, load_settings
    from mimo.contract.errors import ApiError, StartError
    from mimo.contract.models import MODELS
    from mimo.contract.parameters import PARAMETERS

__version__ = "0.1.0"
__all__ = ["MODELS", "PARAMETERS", "ApiError", "Settings", "StartError", "__version__", "load_settings"]

_HOMES = {
    "MODELS": "mimo.contract.models",
    "PARAMETERS": "mimo.contract.parameters",
    "ApiError": "mimo.contract.errors",
    "Settings": "mimo.config",
    "StartError": "mimo.contract.errors",
    "load_settings": "mimo.config",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mimo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
