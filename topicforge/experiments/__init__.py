"""Many fits: comparing compositions, searching for settings."""
