"""Spread independent work over processes, and write files that are whole or absent."""
