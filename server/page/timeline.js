// The time line of one video: the score curve as a heat map, the query's moments, the
// current time, and what is seen of it all (zoom). It changes nothing itself: it tells its
// owner where the viewer wants to be.

import { calm, h, tool } from "./dom.js";
import { clock, range, spoken } from "./format.js";
import { paint, palette, prepare, scale, ticks } from "./heat.js";
import { Peek } from "./peek.js";

const lane = 32; // pixels at the bottom, for the moments
const ruler = 22; // pixels at the top

/** Timeline calls seek(t), select(i), and edge("start"|"end", t, done) while an end is dragged. */
export class Timeline {
	constructor({ seek, select, edge }) {
		Object.assign(this, { seek, select, edge, duration: 0, fps: 25, from: 0, to: 1, at: 0, curve: null, moments: [], chosen: -1 });
		this.canvas = h("canvas", { role: "img", "aria-label": "How well the query fits, over time" });
		this.note = h("p", { class: "note" });
		this.shade = h("i", { class: "shade", hidden: true });
		this.spans = h("div", { role: "group", "aria-label": "Moments of the query" });
		this.now = h("div", { class: "now", role: "slider", tabindex: 0, "aria-label": "Position", "aria-valuemin": 0 });
		this.edges = ["start", "end"].map((name) => this.makeEdge(name));
		this.track = h("div", { class: "track" }, this.canvas, this.note, this.shade, this.spans, this.now, ...this.edges);
		this.peek = new Peek();
		this.overview = h("canvas", { "aria-hidden": "true" });
		this.window = h("i", {});
		this.whole = h("div", { class: "whole", title: "The part that is seen: drag it, or its ends" }, this.overview, this.window);
		this.legend = h("span", { class: "legend" }, "fits better");
		this.el = h("div", { class: "timeline" },
			h("div", { class: "track-wrap" }, this.peek.el, this.track),
			h("div", { class: "under" },
				tool("See the whole video", "fit", () => this.fit(), { className: "small" }),
				tool("Zoom out", "minus", () => this.zoom(2), { className: "small" }),
				this.whole,
				tool("Zoom in", "plus", () => this.zoom(0.5), { className: "small" }),
				this.legend));
		this.pointers = new Map();
		this.listen();
		new ResizeObserver(() => this.draw()).observe(this.track);
	}

	/** setVideo begins a new time line. */
	setVideo(info, fps) {
		this.duration = info.duration || 1;
		this.fps = fps;
		this.curve = null;
		this.peek.video(info.id);
		this.now.setAttribute("aria-valuemax", this.duration.toFixed(2));
		this.setMoments([], -1);
		cancelAnimationFrame(this.gliding);
		this.show(0, this.duration);
	}

	/** setCurve shows scores over time; null takes them away, and the note says why. */
	setCurve(curve, note = "") {
		const value = curve && scale(curve.scores);
		this.curve = curve && { times: curve.times, values: curve.scores.map(value) };
		this.note.textContent = note;
		this.legend.hidden = !curve;
		this.draw();
	}

	/** setMoments shows the query's moments; chosen is the number of the one that can be changed. */
	setMoments(moments, chosen) {
		const focused = this.spans.contains(document.activeElement);
		this.moments = moments;
		this.chosen = chosen;
		this.spans.replaceChildren(...moments.map((m, i) => h("button", {
			type: "button", class: `span${m.weak ? " weak" : ""}${m.verdict === "wrong" ? " wrong" : ""}`, "aria-pressed": String(i === chosen), title: range(m.start, m.end),
			"aria-label": `Moment ${i + 1}, from ${spoken(m.start)} to ${spoken(m.end)}`,
			onclick: () => this.select(i),
		}, String(i + 1), ...(m.parts ?? []).slice(1).map((p) => h("i", { style: { left: `${(100 * (p.start - m.start)) / (m.end - m.start)}%` } })))));
		if (focused) this.spans.children[chosen]?.focus();
		this.place();
	}

	/** setTime moves the playhead. The view follows, a page at a time; with stay, only from where it was seen. */
	setTime(t, stay) {
		const follow = !stay || (this.at >= this.from && this.at <= this.to);
		this.at = t;
		const width = this.to - this.from;
		if (follow && width < this.duration * 0.999 && !this.pointers.size && (t < this.from || t > this.to)) {
			this.show(t - width * 0.1, t + width * 0.9);
		}
		this.now.style.left = `${this.x(t)}px`;
		this.now.setAttribute("aria-valuenow", t.toFixed(2));
		this.now.setAttribute("aria-valuetext", spoken(t));
	}

	/** x is where a time is on the track; time is its opposite, from a pointer's clientX. */
	x(t) {
		return ((t - this.from) / (this.to - this.from)) * this.track.clientWidth;
	}

	time(clientX) {
		const box = this.track.getBoundingClientRect();
		const f = (clientX - box.left - this.track.clientLeft) / this.track.clientWidth;
		return Math.max(0, Math.min(this.duration, this.from + f * (this.to - this.from)));
	}

	/** show sees a part of the video, at least a few frames of it. */
	show(from, to) {
		const least = Math.min(this.duration, Math.max(0.5, 12 / this.fps));
		const width = Math.max(least, Math.min(this.duration, to - from));
		const middle = (from + to) / 2;
		this.from = Math.max(0, Math.min(this.duration - width, middle - width / 2));
		this.to = this.from + width;
		this.draw();
	}

	/** glide is show, with a short movement that lets the eye follow. */
	glide(from, to) {
		cancelAnimationFrame(this.gliding);
		const a = this.from, b = this.to, began = performance.now();
		if (calm()) return this.show(from, to);
		const frame = (now) => {
			const f = Math.min(1, (now - began) / 200), e = f * (2 - f);
			this.show(a + (from - a) * e, b + (to - b) * e);
			if (f < 1) this.gliding = requestAnimationFrame(frame);
		};
		this.gliding = requestAnimationFrame(frame);
	}

	zoom(factor, around = this.at) {
		const about = around < this.from || around > this.to ? (this.from + this.to) / 2 : around;
		this.glide(about - (about - this.from) * factor, about + (this.to - about) * factor);
	}

	fit() {
		this.glide(0, this.duration);
	}

	/** focusOn sees a moment so large that its ends can be told apart and dragged. */
	focusOn(m) {
		const pixels = ((m.end - m.start) / (this.to - this.from)) * this.track.clientWidth;
		const around = Math.max(4, (m.end - m.start) * 3);
		if (m.start < this.from || m.end > this.to || pixels < 40) this.glide(m.start - around, m.end + around);
	}

	draw() {
		if (!this.track.clientWidth) return;
		this.colors ??= palette();
		const { g, w, h: height } = prepare(this.canvas);
		ticks(g, this.from, this.to, w, this.colors, clock);
		if (this.curve) paint(g, this.curve, this.from, this.to, { x: 0, y: ruler + 2, w, h: height - ruler - lane - 4 }, this.colors);
		const whole = prepare(this.overview);
		if (this.curve) paint(whole.g, this.curve, 0, this.duration, { x: 0, y: 0, w: whole.w, h: whole.h }, this.colors, true);
		this.place();
	}

	/** recolor draws again in the colors of another theme. */
	recolor() {
		this.colors = null;
		this.draw();
	}

	place() {
		this.moments.forEach((m, i) => {
			const el = this.spans.children[i];
			const left = this.x(m.start);
			// The better of two that overlap lies above.
			Object.assign(el.style, { zIndex: i === this.chosen ? 60 : 50 - i, left: `${left}px`, width: `${Math.max(8, this.x(m.end) - left)}px` });
		});
		const m = this.moments[this.chosen];
		this.shade.hidden = !m;
		if (m) Object.assign(this.shade.style, { left: `${this.x(m.start)}px`, width: `${this.x(m.end) - this.x(m.start)}px` });
		this.edges.forEach((el, i) => {
			el.hidden = !m;
			if (!m) return;
			const t = i ? m.end : m.start;
			el.style.left = `${this.x(t)}px`;
			el.setAttribute("aria-valuemin", i ? m.start.toFixed(2) : "0");
			el.setAttribute("aria-valuemax", (i ? this.duration : m.end).toFixed(2));
			el.setAttribute("aria-valuenow", t.toFixed(2));
			el.setAttribute("aria-valuetext", spoken(t));
		});
		const part = 100 / this.duration;
		Object.assign(this.window.style, { left: `${this.from * part}%`, width: `${(this.to - this.from) * part}%` });
		this.window.hidden = this.to - this.from > this.duration * 0.999;
		this.now.style.left = `${this.x(this.at)}px`;
	}

	/** makeEdge makes one end of the chosen moment: dragged, or moved with the arrow keys. */
	makeEdge(name) {
		const el = h("div", { class: "edge", role: "slider", tabindex: 0, hidden: true, "aria-label": name === "start" ? "Start of the moment" : "End of the moment" });
		el.addEventListener("pointerdown", (e) => {
			if (e.button) return;
			e.preventDefault();
			e.stopPropagation();
			this.peek.hide();
			el.focus({ preventScroll: true });
			el.setPointerCapture(e.pointerId);
			this.pointers.set("edge", true);
			const off = e.clientX - (this.track.getBoundingClientRect().left + this.x(this.moments[this.chosen][name]));
			const move = (ev) => this.edge(name, this.time(ev.clientX - off), false);
			const end = () => {
				el.removeEventListener("pointermove", move);
				this.pointers.delete("edge");
				this.edge(name, this.moments[this.chosen][name], true);
			};
			el.addEventListener("pointermove", move);
			el.addEventListener("lostpointercapture", end, { once: true });
		});
		el.addEventListener("keydown", (e) => {
			const unit = e.shiftKey ? 1 : 1 / this.fps;
			const by = { ArrowLeft: -unit, ArrowDown: -unit, ArrowRight: unit, ArrowUp: unit, PageDown: -1, PageUp: 1 }[e.key];
			if (!by) return;
			e.preventDefault();
			e.stopPropagation();
			this.edge(name, this.moments[this.chosen][name] + by, true);
		});
		return el;
	}

	listen() {
		const { track, whole } = this;
		track.addEventListener("pointerdown", (e) => {
			if (e.button || e.target.closest("button")) return;
			track.setPointerCapture(e.pointerId);
			this.pointers.set(e.pointerId, e.clientX);
			if (this.pointers.size === 1) this.seek(this.time(e.clientX));
			this.peek.hide();
		});
		track.addEventListener("pointermove", (e) => {
			if (!this.pointers.has(e.pointerId)) {
				if (e.pointerType === "mouse" && !this.pointers.size) this.peek.show(this.time(e.clientX), this.x(this.time(e.clientX)), track.clientWidth);
				return;
			}
			if (this.pointers.size === 2) this.pinch(e);
			else if (this.pointers.size === 1) this.seek(this.time(e.clientX));
			this.pointers.set(e.pointerId, e.clientX);
		});
		for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) track.addEventListener(name, (e) => this.pointers.delete(e.pointerId));
		track.addEventListener("pointerleave", () => this.peek.hide());
		track.addEventListener("wheel", (e) => {
			const across = e.shiftKey ? e.deltaY || e.deltaX : e.deltaX;
			if (e.ctrlKey || e.metaKey || e.altKey) {
				e.preventDefault();
				cancelAnimationFrame(this.gliding);
				const t = this.time(e.clientX), factor = Math.exp(Math.max(-60, Math.min(60, e.deltaY)) * 0.006);
				this.show(t - (t - this.from) * factor, t + (this.to - t) * factor);
			} else if (Math.abs(across) > Math.abs(e.shiftKey ? 0 : e.deltaY)) {
				e.preventDefault();
				const by = (across / track.clientWidth) * (this.to - this.from);
				this.show(this.from + by, this.to + by);
			}
		}, { passive: false });
		whole.addEventListener("pointerdown", (e) => this.dragWhole(e));
	}

	/** pinch zooms so that the times under both fingers stay under them. */
	pinch(e) {
		const other = [...this.pointers].find(([id]) => id !== e.pointerId)[1];
		const was = this.pointers.get(e.pointerId);
		if (Math.abs(was - other) < 8 || Math.abs(e.clientX - other) < 8) return;
		const fixed = this.time(other), factor = Math.abs(was - other) / Math.abs(e.clientX - other);
		this.show(fixed - (fixed - this.from) * factor, fixed + (this.to - fixed) * factor);
	}

	/** dragWhole moves the part that is seen, or one of its ends. */
	dragWhole(e) {
		const { whole } = this;
		const box = whole.getBoundingClientRect();
		const t = (ev) => ((ev.clientX - box.left) / box.width) * this.duration;
		const near = (10 / box.width) * this.duration;
		const zoomed = !this.window.hidden;
		let from = this.from, to = this.to;
		const at = t(e);
		const part = zoomed && Math.abs(at - from) < near ? "from" : zoomed && Math.abs(at - to) < near ? "to" : "both";
		if (part === "both" && (at < from || at > to)) {
			const width = to - from;
			[from, to] = [at - width / 2, at + width / 2];
			this.show(from, to);
		}
		whole.setPointerCapture(e.pointerId);
		const move = (ev) => {
			const by = t(ev) - at;
			if (part === "both") this.show(from + by, to + by);
			else if (part === "from") this.show(Math.min(from + by, to - 0.5), to);
			else this.show(from, Math.max(to + by, from + 0.5));
		};
		whole.addEventListener("pointermove", move);
		whole.addEventListener("lostpointercapture", () => whole.removeEventListener("pointermove", move), { once: true });
	}
}
