"""Our own trained models, as XGBoost's JSON, in this process."""

from roadbed.adapters.providers.xgboost.config import Config
from roadbed.adapters.providers.xgboost.provider import Xgboost, unfit

provider = Xgboost

__all__ = ["Config", "Xgboost", "provider", "unfit"]
