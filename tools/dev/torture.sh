# ./dev torture [MINUTES [SEED]]: the long forms of the proofs, both modes; logs in docs/evidence, findings end in failure
# SPDX-License-Identifier: Apache-2.0
#
# 60 minutes unless said otherwise, shared among the programs (lib/torture.py); the seed of a run stands in its log.

dev_torture() {
  local minutes=${1:-60} seed=${2:-}
  [[ $# -le 2 && $minutes =~ ^[1-9][0-9]{0,4}$ && $seed =~ ^[0-9]*$ ]] || die "usage: ./dev torture [MINUTES [SEED]]"
  need "${test_packages[@]}"
  make_build_for tests gcc || die "the build failed"
  compile gcc || die "the build failed"
  exec python3 "$commands/lib/torture.py" --list "$root/build/gcc/test/torture.list" --minutes "$minutes" \
    --logs "$root/docs/evidence" ${seed:+--seed "$seed"}
}
