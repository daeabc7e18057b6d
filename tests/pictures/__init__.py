"""Pictures: the tests of `trioflow.pictures`, and those that the README shows."""
