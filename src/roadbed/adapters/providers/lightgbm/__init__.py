"""Our own trained models, as LightGBM's text, in this process."""

from roadbed.adapters.providers.lightgbm.config import Config
from roadbed.adapters.providers.lightgbm.provider import Lightgbm, unfit

provider = Lightgbm

__all__ = ["Config", "Lightgbm", "provider", "unfit"]
