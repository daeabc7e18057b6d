"""Servers of workflows side by side, and the client program that reads all of them."""
