"""What builds and checks the pages: directives, generated tables, and the blocks as tests."""
