"""Where training runs: DirectML, CUDA or the CPU, chosen and checked."""
