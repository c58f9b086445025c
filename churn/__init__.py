"""Nightly batch prediction for teams with one machine."""

__version__ = "0.1.0"
