"""`python -m gpuready` is the command `gpuready`."""

from gpuready.cli import main

main()
