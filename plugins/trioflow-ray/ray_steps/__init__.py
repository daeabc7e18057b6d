"""Bodies for the tests, in a package that workers can import."""
