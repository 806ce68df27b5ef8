"""Runs the Python code that is the first argument, as ``python -c`` does."""

import sys

if __name__ == "__main__":
    code = sys.argv.pop(1)
    exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})
