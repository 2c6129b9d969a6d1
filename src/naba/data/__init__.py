"""Data sets: sources, readers, splits, checks."""
