"""`sim play`: runs in the making on a page, for one person or a class. Servers on this machine.

`commands` (what one types) < `incident` (platforms in lockstep, a log of deeds) < `seat` (a clock,
a person's inputs) < `room` (whose seat, the class) < `server` (routes and websockets).
"""
