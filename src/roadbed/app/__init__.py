"""The one place where ports meet adapters: settings in, a frozen App out."""

from roadbed.app.build import initialise, open_app, open_secrets, renew_bootstrap
from roadbed.app.catalog import PROVIDERS, Installed
from roadbed.app.whole import App, Gate

__all__ = [
    "PROVIDERS",
    "App",
    "Gate",
    "Installed",
    "initialise",
    "open_app",
    "open_secrets",
    "renew_bootstrap",
]
