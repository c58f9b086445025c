"""Did the inputs or the scores move, and does it matter? Pure functions over frames and counts."""
