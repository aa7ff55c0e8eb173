"""A launcher and a folder -> Apache Kafka for as long as standard input is open.

Run as a script by `brokers.apache_kafka` and by the tests' `kafka_broker`: it prints
the bootstrap address and waits. So no Java process outlives a run that was killed: its
pipe closes, and the broker ends.
"""

import shutil
import subprocess
import sys


def main() -> int:
    """Start, wait for the end of standard input, stop."""
    launcher, folder, *options = sys.argv[1:]
    try:
        started = subprocess.run([launcher, "start", folder, *options], check=False)
        if started.returncode == 0:
            sys.stdin.read()
        return started.returncode
    finally:
        subprocess.run([launcher, "kill", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
