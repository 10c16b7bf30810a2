"""The tamper-evident record of everything that changed or was refused."""
