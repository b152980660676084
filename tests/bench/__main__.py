# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench [NAME…]`: ratios against peers, measured in one run; never asserted.

Each bench is a module here with `main(argv) -> int`. Needs, beside the tests' environment, what
each one names (nginx, wget, wrk, openssl from Debian).
"""

import importlib
import os
import pkgutil
import sys
from pathlib import Path


def main(argv: list[str]) -> int:
    folder = Path(__file__).parent
    names = [info.name for info in pkgutil.iter_modules([str(folder)])]
    known = [name for name in names if not name.startswith("_") and name not in {"peers", "bare"}]
    wanted = argv or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"no bench {', '.join(unknown)}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    code = 0
    for name in wanted:
        load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
        print(f"== {name} (load {load}; {os.cpu_count()} cores)", flush=True)
        code = max(code, importlib.import_module(f"tests.bench.{name}").main([]))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
