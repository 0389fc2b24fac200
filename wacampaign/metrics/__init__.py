"""What Prometheus may read of a worker, a receiver and the campaigns (reference/metrics.md)."""
