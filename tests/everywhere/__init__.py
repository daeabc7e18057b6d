"""One workflow file, and a program that runs it in any place."""
