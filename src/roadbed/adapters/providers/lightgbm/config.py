"""What a Provider of type `lightgbm` may be told."""

from roadbed.registry.serving.config import LocalConfig


class Config(LocalConfig):
    """Settings of the local runtime for trained models."""
