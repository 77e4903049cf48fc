"""What a run shows for itself: the ledger, the metrics, the Result. Never reads container state."""
