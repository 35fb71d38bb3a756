"""Benchmarks: ratios against ffmpeg in the same run, never timed assertions. ``make bench`` runs them."""
