"""For a class: challenges with a machine-checked goal, and a quiz. See docs/workshop/.

A challenge is data (`challenges/*.yaml`): a scenario, what the student may change, the goal, three
hints and a lesson. Nothing of the simulator knows of this package; the command line alone calls it.
"""
