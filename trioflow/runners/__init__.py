"""The runners that need no plugin."""
