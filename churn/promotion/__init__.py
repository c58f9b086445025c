"""Is the challenger good enough, and no worse than the champion? Pure functions over scores and labels."""
