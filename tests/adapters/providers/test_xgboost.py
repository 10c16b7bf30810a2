from xgboost import XGBClassifier, XGBRegressor

from roadbed.adapters.exporters.xgboost import XgboostExporter
from roadbed.adapters.providers import xgboost
from tests.adapters.providers.boosters import BoosterContract


class TestXgboost(BoosterContract):
    module, exporter = xgboost, XgboostExporter
    classifier, regressor = XGBClassifier, XGBRegressor
    format, platform = "xgboost", "xgboost_json"
