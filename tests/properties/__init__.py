"""Properties that hold for every run, tried on generated workflows."""
