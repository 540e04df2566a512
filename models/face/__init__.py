"""Faces: found, aligned, judged for quality and liveness, searched in a sealed gallery, answered with a decision."""
