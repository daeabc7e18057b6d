"""Files that type checkers judge; see README.md."""
