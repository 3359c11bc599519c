"""Counts attempts in moving windows: at no moment lie more within the time before it than the limit allows."""
