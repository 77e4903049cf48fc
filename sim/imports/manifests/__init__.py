"""Kubernetes manifests, Nomad jobs and ECS task definitions: what of them a stack can say."""
