"""A launcher and a folder -> Apache Kafka for as long as standard input is open.

Run as a script by `brokers.apache_kafka`, so that no Java process outlives a benchmark
that was killed: its pipe closes, and the broker ends.
"""

import shutil
import subprocess
import sys


def main() -> int:
    """Start, wait for the end of standard input, stop."""
    launcher, folder = sys.argv[1:]
    try:
        started = subprocess.run(
            [launcher, "start", folder, "--heap", "1g"], check=False
        )
        if started.returncode == 0:
            sys.stdin.read()
        return started.returncode
    finally:
        subprocess.run([launcher, "kill", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
