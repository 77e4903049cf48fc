"""Many runs: the same scenario under several platforms and with several seeds."""
