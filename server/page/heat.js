// Painting the score curve: how well the query fits, over time, as a heat map.

import { color } from "./dom.js";

/** Palette holds the colors of the theme, as numbers. */
export function palette() {
	const numbers = (name) => color(name).match(/[\d.]+/g).slice(0, 3).map(Number);
	return { stops: [numbers("--heat-0"), numbers("--heat-1"), numbers("--heat-2")], text: color("--muted"), line: color("--line"), strong: color("--line-strong") };
}

/** ramp is the color of a value of 0 to 1. */
function ramp(stops, x) {
	const at = Math.max(0, Math.min(0.9999, x)) * (stops.length - 1);
	const i = Math.floor(at), f = at - i;
	return `rgb(${stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * f)).join(" ")})`;
}

/**
 * scale maps scores to 0..1 within one video: from a low percentile, so that one odd dip
 * does not flatten the rest, to the highest.
 */
export function scale(scores) {
	const sorted = scores.filter(Number.isFinite).sort((a, b) => a - b);
	if (!sorted.length) return () => 0;
	const low = sorted[Math.floor(sorted.length * 0.1)], high = sorted.at(-1);
	const width = high - low || 1;
	return (s) => Math.max(0, Math.min(1, (s - low) / width));
}

/**
 * columns gives a value for each of n columns between two times: the highest score within
 * a column where several fall into it, else what lies between its neighbors.
 */
export function columns(curve, from, to, n) {
	const { times, values } = curve;
	const out = new Float32Array(n);
	if (!times.length) return out;
	let i = 0;
	while (i < times.length && times[i] < from) i++;
	for (let x = 0; x < n; x++) {
		const a = from + ((to - from) * x) / n, b = from + ((to - from) * (x + 1)) / n;
		let best = -1;
		for (; i < times.length && times[i] < b; i++) best = Math.max(best, values[i]);
		if (best < 0) {
			// No row's middle lies here: between the row before and the one after.
			const after = Math.min(i, times.length - 1), before = Math.max(0, i - 1);
			const gap = times[after] - times[before];
			const f = gap > 0 ? Math.max(0, Math.min(1, ((a + b) / 2 - times[before]) / gap)) : 0;
			best = values[before] + (values[after] - values[before]) * f;
		}
		out[x] = best;
	}
	return out;
}

/** prepare fits a canvas to its size on the screen; it returns a context in CSS pixels. */
export function prepare(canvas) {
	const { clientWidth: w, clientHeight: h } = canvas;
	const ratio = Math.min(3, devicePixelRatio || 1);
	if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
		canvas.width = Math.round(w * ratio);
		canvas.height = Math.round(h * ratio);
	}
	const g = canvas.getContext("2d");
	g.setTransform(ratio, 0, 0, ratio, 0, 0);
	g.clearRect(0, 0, w, h);
	return { g, w, h };
}

/** paint draws the curve between two times into a box: higher and warmer fits better. */
export function paint(g, curve, from, to, box, colors, solid = false) {
	const n = Math.max(1, Math.floor(box.w));
	const values = columns(curve, from, to, n);
	for (let x = 0; x < n; x++) {
		const v = values[x];
		g.fillStyle = ramp(colors.stops, v);
		const height = solid ? box.h : Math.max(2, v * box.h);
		g.globalAlpha = solid ? 0.25 + 0.75 * v : 1;
		g.fillRect(box.x + x, box.y + box.h - height, 1.2, height);
	}
	g.globalAlpha = 1;
}

/** ticks draws a ruler with as many labels as have room. */
export function ticks(g, from, to, w, colors, label) {
	const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
	const step = steps.find((s) => ((to - from) / s) * 76 <= w) ?? 14400;
	g.font = "11px system-ui, sans-serif";
	g.textBaseline = "top";
	for (let k = Math.ceil(from / step); k * step <= to; k++) {
		const t = k * step, x = ((t - from) / (to - from)) * w;
		g.fillStyle = colors.line;
		g.fillRect(x, 0, 1, 20);
		if (x > w - 34) continue;
		g.fillStyle = colors.text;
		g.fillText(label(t, step < 1 ? 1 : 0), x + 5, 5);
	}
}
