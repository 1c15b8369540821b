"""The one error that ends a run with a message instead of a traceback."""


class BenchError(Exception):
    """Something the person who runs the benchmark can act on."""
