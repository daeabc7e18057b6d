"""Lets ``python -m trioflow`` be the command line."""

from trioflow._cli import main

raise SystemExit(main())
