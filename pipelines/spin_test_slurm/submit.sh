#!/usr/bin/env bash
# Submit all three, each after the one before. Options of the array: ./submit.sh [N_SHARDS]
# Jobs find environment.sh beside this file, and work in the folder where it was called.
set -euo pipefail
called_in=$PWD
cd "$(dirname "$0")"

export N_SHARDS="${1:-32}"
decode=$(sbatch --parsable --chdir="$called_in" decode.sbatch)
spin=$(sbatch --parsable --chdir="$called_in" --dependency="afterok:${decode%%;*}" \
    --array="1-$N_SHARDS" spin.sbatch)
# afterany: where a shard died, merge says which spins are missing.
sbatch --chdir="$called_in" --dependency="afterany:${spin%%;*}" merge.sbatch
