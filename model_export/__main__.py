"""`python -m model_export`: the program; its commands are in model_export.jobs.command.

One thread: a job shares its machine with the workers, its matrices are small, and BLAS
threads that wait for a busy core by spinning made a job ten times as slow. The thread
count must be in the environment before numpy is first imported, hence two files.
"""

import os
import sys

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

if __name__ == "__main__":
    from model_export.jobs.command import main

    sys.exit(main())
