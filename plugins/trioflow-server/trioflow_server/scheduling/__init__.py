"""Schedules over HTTP: routes, and the page that shows their next and last ticks."""
