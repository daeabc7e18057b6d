"""The store that needs no plugin."""
