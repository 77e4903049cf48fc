"""`python -m sim`: the command line of sim.cli.app."""

if __name__ == "__main__":  # worker processes import this file too, and need no command line
    import sys

    try:
        from sim.cli.app import main
    except KeyboardInterrupt:  # nothing has begun
        sys.exit(130)
    sys.exit(main())
