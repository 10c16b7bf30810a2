"""The Python API of Roadbed, for notebooks and training scripts."""

from roadbed.workbench.bed import Bed
from roadbed.workbench.dataset import DatasetHandle
from roadbed.workbench.live import LiveRun
from roadbed.workbench.tools import Allow, Tools

__all__ = ["Allow", "Bed", "DatasetHandle", "LiveRun", "Tools"]
