"""`python -m sim`: the command line of sim.cli.app."""

if __name__ == "__main__":  # worker processes import this file too, and need no command line
    import sys

    try:
        from sim.cli.app import main
    except KeyboardInterrupt:  # nothing has begun
        status = 130
    else:
        status = main()
    # CPython remembers a KeyboardInterrupt that left an `exec` of text (as dataclasses make their
    # methods), though it was caught, and would end itself by SIGINT in place of our status; the
    # next one forgets it (run_eval_code_obj in Python/pythonrun.c, 3.11 to 3.13)
    exec("")
    sys.exit(status)
