"""What to do: a knob turned, what a verdict hangs on, the cheapest that holds, a year of mine."""
