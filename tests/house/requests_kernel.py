"""Print whether the requests stage runs compiled under this process's vocabulary."""

import json
import sys

from streams.settings import RequestsSettings
from streams.stages.requests.stage import Requests

if __name__ == "__main__":
    sys.stdout.write(json.dumps(Requests(RequestsSettings()).use_compiled))
