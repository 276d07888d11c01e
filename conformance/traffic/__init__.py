"""Bytes over sockets: the h11 wire, TLS, deadlines, size limits, rate and budget, interruption."""
