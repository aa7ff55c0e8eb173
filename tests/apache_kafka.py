"""A launcher and a folder -> Apache Kafka for as long as standard input is open.

Run as a script by the fixture `kafka_broker`: it prints the bootstrap address and then
waits for the end of its standard input, which comes when the tests end, however they
end. So no Java process outlives a test run that was killed.
"""

import shutil
import subprocess
import sys


def main() -> int:
    launcher, folder = sys.argv[1:]
    try:
        started = subprocess.run([launcher, "start", folder], check=False)
        if started.returncode == 0:
            sys.stdin.read()
        return started.returncode
    finally:
        subprocess.run([launcher, "kill", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
