"""Service discovery: how a change of replicas reaches the balancer, and how late."""
