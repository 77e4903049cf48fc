"""`python -m sim`: the command line of sim.cli."""

import sys

from sim.cli import main

if __name__ == "__main__":  # worker processes import this file too
    sys.exit(main())
