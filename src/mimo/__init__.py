"""mimo: the MiMo API as software you run."""

__version__ = "0.1.0"
