"""What will break the night, looked for before it does."""
