"""The HTTP face: one port for the data plane, the control API and the console."""
