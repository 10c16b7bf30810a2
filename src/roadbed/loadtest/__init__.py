"""Puts an endpoint under load, and judges whether it keeps what it promises."""
