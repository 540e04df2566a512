"""Cutting a byte stream into candidate frames, bounded and the same however the bytes are chunked."""
