"""Run the command line: ``python -m trioflow``."""

from trioflow._cli import main

raise SystemExit(main())
