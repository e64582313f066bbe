#!/usr/bin/env bash
# Submit all three, each after the one before. Options of the array: ./submit.sh [N_SHARDS]
set -euo pipefail
cd "$(dirname "$0")"

export N_SHARDS="${1:-32}"
decode=$(sbatch --parsable decode.sbatch)
spin=$(sbatch --parsable --dependency="afterok:${decode%%;*}" --array="1-$N_SHARDS" spin.sbatch)
# afterany: where a shard died, merge says which spins are missing.
sbatch --dependency="afterany:${spin%%;*}" merge.sbatch
