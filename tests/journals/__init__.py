"""Journals that were written by earlier versions, and must load forever."""
