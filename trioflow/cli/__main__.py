"""Lets ``python -m trioflow.cli`` be the command line."""

from trioflow.cli import main

raise SystemExit(main())
