"""`python -m sage_tui` is the command `sage-tui`."""

import sys

from sage_tui.cli import main

sys.exit(main())
