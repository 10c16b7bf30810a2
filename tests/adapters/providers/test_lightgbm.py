from lightgbm import LGBMClassifier, LGBMRegressor

from roadbed.adapters.exporters.lightgbm import LightgbmExporter
from roadbed.adapters.providers import lightgbm
from tests.adapters.exporters.boosters import NAMED, TUMORS, WINES
from tests.adapters.providers.boosters import BoosterContract


class TestLightgbm(BoosterContract):
    module, exporter = lightgbm, LightgbmExporter
    classifier, regressor = LGBMClassifier, LGBMRegressor
    format, platform = "lightgbm", "lightgbm_text"
    quiet = -1
    data = (TUMORS, WINES, (TUMORS[0], NAMED))
