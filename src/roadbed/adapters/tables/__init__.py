"""Engines that keep tables as Parquet; the file's name is the engine's name."""
