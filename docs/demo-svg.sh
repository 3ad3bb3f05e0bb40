#!/usr/bin/env bash
# Draws what `tall demo` prints as docs/demo.svg, the picture in the README.
#   docs/demo-svg.sh            (TALL=PATH: of a binary)
set -euo pipefail
cd "$(dirname "$0")/.."
text=$(NO_COLOR=1 LANG=C.UTF-8 ${TALL:-go run ./cmd/tall} demo 2>/dev/null)
awk '
	function esc(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); gsub(/ /, "\\&#160;", s); return s }
	{ line[NR] = $0 }
	END {
		w = 880; h = (NR + 1) * 18 + 56
		printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"Output of tall demo\">\n", w, h, w, h
		printf "<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"#1b1f27\"/>\n"
		print "<circle cx=\"18\" cy=\"16\" r=\"5\" fill=\"#e06c75\"/><circle cx=\"36\" cy=\"16\" r=\"5\" fill=\"#e5c07b\"/><circle cx=\"54\" cy=\"16\" r=\"5\" fill=\"#98c379\"/>"
		print "<g font-family=\"ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace\" font-size=\"13\" fill=\"#d7dae0\" xml:space=\"preserve\">"
		printf "<text x=\"20\" y=\"48\"><tspan fill=\"#98c379\">$</tspan> tall demo</text>\n"
		for (i = 1; i <= NR; i++) {
			color = line[i] ~ /^found / ? "#61afef" : line[i] ~ /^truth / ? "#98c379" : line[i] ~ /^"/ ? "#e5c07b" : "#d7dae0"
			if (line[i] != "") printf "<text x=\"20\" y=\"%d\" fill=\"%s\">%s</text>\n", 48 + i * 18, color, esc(line[i])
		}
		print "</g></svg>"
	}' <<<"$text" >docs/demo.svg
