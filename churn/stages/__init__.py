"""Verbs, one file a command: reads the stores, asks the rooms, publishes. No formula here."""
