"""Frozen values in, text out."""
