"""End-to-end tests: the real program behind real web servers, its upstreams played by the
stand-ins (and by a real Nomad where there is one)."""
