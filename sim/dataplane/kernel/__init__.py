"""The compiled engine: the reference engine's rules as a numba kernel over one record.

Read it beside `reference/`: the same file names and, where a generator there yields, one function
here for each stretch between two yields, named as the comment at the yield. `layout` has the
record, `timing` the order of events.
"""
