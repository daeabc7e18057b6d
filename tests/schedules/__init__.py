"""Tests of schedules: rules, decisions, stores, the loop, and its commands."""
