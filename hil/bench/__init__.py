"""Benches: resolve addresses, start a site, stop it, hand out handles."""
