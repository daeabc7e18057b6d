"""One program per engine. Each runs in an environment of its own, and needs nothing of trioflow."""
