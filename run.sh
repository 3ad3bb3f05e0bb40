#!/usr/bin/env bash
# Runs Tall the way the reference's run.sh runs its programs:
#
#   bash run.sh train|eval|predict|inference TALL ./configs/tall.yaml
#
# Set the variables below, or give them in the environment:
#   weights=my.pdparams bash run.sh eval TALL ./configs/tall.yaml

resume="${resume:-}"     # train: go on from this checkpoint (a prefix such as data/checkpoints/TALL_epoch3, or a file)
pretrain="${pretrain:-}" # train: begin with the weights of this file
weights="${weights:-}"   # eval, predict, inference: use this file; empty: the released weights, downloaded once

save_dir="${save_dir:-./data/checkpoints}"
save_inference_dir="${save_inference_dir:-./data/inference_model}"
use_gpu="${use_gpu:-True}" # without GPU support: a warning, then the CPU
fix_random_seed="${fix_random_seed:-False}"
log_interval="${log_interval:-1}"
valid_interval="${valid_interval:-1}"

set -euo pipefail

usage() {
	echo "usage: bash run.sh train|eval|predict|inference TALL ./configs/tall.yaml" >&2
	exit 2
}

[ $# -ge 3 ] || usage
mode=$1 name=$2 config=$3
shift 3 # whatever follows goes to the command as it is

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
if command -v tall >/dev/null 2>&1; then
	tall() { command tall "$@"; }
elif command -v go >/dev/null 2>&1; then
	# Built in the checkout, run here: the paths of the configuration are
	# relative to the folder in which this script is started.
	build=$(mktemp -d)
	trap 'rm -rf -- "$build"' EXIT
	(cd -- "$here" && go build -o "$build/tall" ./cmd/tall)
	tall() { "$build/tall" "$@"; }
else
	echo "run.sh: neither tall nor go is on PATH; install Go from https://go.dev/dl, or put tall on PATH" >&2
	exit 127
fi

common=(--model_name="$name" --config="$config")
run() {
	echo "tall $*" >&2
	tall "$@"
}

case $mode in
train)
	args=(--log_interval="$log_interval" --valid_interval="$valid_interval" --use_gpu="$use_gpu"
		--save_dir="$save_dir" --fix_random_seed="$fix_random_seed")
	# As in the reference, a run that is resumed takes no other weights.
	if [ -n "$resume" ]; then
		args+=(--resume="$resume")
	elif [ -n "$pretrain" ]; then
		args+=(--pretrain="$pretrain")
	fi
	run train "${common[@]}" "${args[@]}" "$@"
	;;
eval | predict)
	args=(--log_interval="$log_interval" --use_gpu="$use_gpu")
	[ -z "$weights" ] || args+=(--weights="$weights")
	run "$mode" "${common[@]}" "${args[@]}" "$@"
	;;
inference)
	# The reference exports an inference model; ours is the weights alone.
	if [ -z "$weights" ]; then
		echo "run.sh: set weights= to the checkpoint to export" >&2
		exit 2
	fi
	mkdir -p -- "$save_inference_dir"
	run convert "$weights" "$save_inference_dir/$name.safetensors" "$@"
	;;
*)
	echo "run.sh: no mode $mode" >&2
	usage
	;;
esac
