#!/usr/bin/env bash
# Sourced by every job: edit for your site. No login node, no network is needed after the download.

# module load Python/3.11                      # if the system has no Python >= 3.11
# shellcheck source=/dev/null
source "${CYTOSURF_VENV:-$HOME/cytosurf-venv}/bin/activate"

export CYTOSURF_DATA="${CYTOSURF_DATA:-$HOME/cytosurf-data}" # filled by: cytosurf data fetch / import
export CYTOSURF_OFFLINE=1                                    # compute nodes download nothing

# One thread in each process: cores are filled by processes.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

RUN_DIR="${RUN_DIR:-$PWD/yeo7}"
SPINS="${SPINS:-10000}"
FEATURES="${FEATURES:-neighbourhood:pca32}"
TARGET="${TARGET:-yeo7}"
