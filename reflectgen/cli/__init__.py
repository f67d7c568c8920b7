"""The command line: one command per stage, thin shells over the rooms.

Exit codes: 0 done; 1 a bug; 2 a wrong command line; 3 input; 4 output; 5 teacher or guard endpoint; 6 another recipe;
7 an export that does not verify; 8 a prompt; 130 stopped by Ctrl-C.
"""

from reflectgen.cli.app import main

__all__ = ["main"]
