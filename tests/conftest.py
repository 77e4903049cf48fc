"""For all tests."""

import signal

# A shell starts a background job with Ctrl-C ignored, and its children inherit that; tests that
# interrupt runs would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
