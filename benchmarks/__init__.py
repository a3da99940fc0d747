"""Figures, not tests. A regular package, because recordlinkage brings one of the same name that would hide it."""
