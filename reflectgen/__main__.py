"""`python -m reflectgen`: the command line, where its script is not on the path."""

import sys

from reflectgen.cli import main

sys.exit(main())
