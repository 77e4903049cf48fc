"""What the controllers of a run share: state and its one writer, time, waits and notices."""
