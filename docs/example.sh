#!/usr/bin/env bash
# Makes synth/kitchen/example/data anew: kitchen videos, their features and thumbnails, and
# a model that `tall demo` trains. Needs ffmpeg with libx264; the same ffmpeg gives the same
# bytes. The model is trained on 900 videos, seven times those of the demo: about a quarter
# of an hour on two cores.
#   docs/example.sh            (TALL=PATH: of a binary; DEMO=DIR: of an earlier `tall demo --keep`)
set -euo pipefail
cd "$(dirname "$0")/.."
tall=${TALL:-go run ./cmd/tall}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
demo=${DEMO:-$work/demo}
[[ -n ${DEMO:-} ]] || $tall demo --train-videos 900 --epochs 12 --keep "$demo"
mkdir -p "$work/made/checkpoints"
$tall convert "$demo/checkpoints/TALL.safetensors" "$work/made/checkpoints/TALL.safetensors"
mkdir -p synth/kitchen/example/data && touch synth/kitchen/example/data/index.json
go test ./synth/kitchen/example -run TestMake -v -make "$work/made"
go test ./synth/kitchen/example
