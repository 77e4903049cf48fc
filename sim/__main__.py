"""`python -m sim`: the command line of sim.cli."""

if __name__ == "__main__":  # worker processes import this file too, and need no command line
    import sys

    from sim.cli import main

    sys.exit(main())
