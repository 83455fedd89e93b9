"""Compiled loops over rays. `reference.py` defines what they compute."""
