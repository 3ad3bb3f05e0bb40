// The moments of the query in one video: choosing one, correcting its ends, judging it,
// taking it away as a clip. What is judged becomes an annotation to train on.

import { button, cry, h, say } from "./dom.js";
import { aborted, downloadClip, feedback } from "./api.js";
import { clock, range, sure } from "./format.js";
import { app, asks, canJudge, emit, engine, go, hash, onlySearch, route, sentenceOf } from "./state.js";
import { exportMenu, toast } from "./dialogs.js";

const same = (a, b) => Math.abs(a.start - b.start) < 0.02 && Math.abs(a.end - b.end) < 0.02;

/** union is a list of hits, and those of another that are not among them. */
export const union = (a, b) => [...a, ...b.filter((x) => !a.some((y) => same(x, y)))];

const judged = new Map(); // what was said and corrected, by query and moment as found

/** Moments is the panel under the time line. */
export class Moments {
	constructor(screen, timeline) {
		this.screen = screen;
		this.timeline = timeline;
		this.el = h("div", { class: "moment", role: "group", "aria-label": "The moment" });
		this.list = [];
		this.chosen = -1;
		this.threshold = undefined;
	}

	get current() {
		return this.list[this.chosen] ?? null;
	}

	/** video begins with no moments. */
	video(info) {
		this.info = info;
		this.list = [];
		this.chosen = -1;
		this.render();
	}

	/** set shows hits; the one that is chosen, with its corrections, stays chosen. */
	set(hits, at) {
		const was = this.current;
		this.list = hits.map((hit) => {
			if (was && same(was.found, hit)) return was;
			const m = { ...hit, found: { start: hit.start, end: hit.end } };
			return Object.assign(m, judged.get(this.key(m)));
		});
		// A candidate's better boundaries lie about it.
		const fits = ({ found }) => was ? found.start < was.found.end && found.end > was.found.start : at >= found.start - 0.02 && at < found.end;
		// The one that begins there comes before another that only contains the time.
		const exact = this.list.findIndex((m) => was ? m === was : Math.abs(m.found.start - at) < 0.02);
		this.chosen = exact >= 0 ? exact : this.list.findIndex(fits);
		this.refresh();
		if (this.current && !was) this.timeline.focusOn(this.current);
	}

	key(m) {
		return `${sentenceOf(route)}\n${m.video}@${m.found.start}-${m.found.end}`;
	}

	/** choose goes to a moment and plays it. */
	choose(i, { play = true } = {}) {
		const m = this.list[i];
		if (!m) return;
		this.chosen = i;
		this.refresh();
		this.screen.seek(m.start);
		if (play) this.screen.play();
		this.timeline.focusOn(m);
		go({ ...route, t: m.found.start.toFixed(2) }, { quiet: true });
		emit("moment", m);
		say(`Moment ${i + 1} of ${this.list.length}, ${range(m.start, m.end)}`);
	}

	/** refresh tells time line, loop and panel what is chosen. */
	refresh() {
		this.timeline.setMoments(this.list, this.chosen);
		this.screen.setSpan(this.current && { start: this.current.start, end: this.current.end });
		this.render();
	}

	/** edge moves one end, to a frame's border, and shows the frame there. */
	edge(name, t, done) {
		const m = this.current, fps = this.screen.fps;
		if (!m) return;
		const frame = Math.round(t * fps) / fps;
		if (name === "start") m.start = Math.max(0, Math.min(frame, m.end - 1 / fps));
		else m.end = Math.min(this.screen.duration, Math.max(frame, m.start + 1 / fps));
		this.screen.pause();
		this.screen.setSpan({ start: m.start, end: m.end });
		// The last frame inside is the one before the end.
		this.screen.seek(name === "start" ? m.start : m.end - 0.5 / fps);
		m.verdict = undefined;
		this.timeline.place();
		this.timeline.spans.children[this.chosen]?.classList.remove("wrong");
		this.texts();
		if (done) this.keep(m);
	}

	keep(m) {
		judged.set(this.key(m), { start: m.start, end: m.end, verdict: m.verdict });
	}

	get edited() {
		return this.current !== null && !same(this.current, this.current.found);
	}

	reset() {
		const m = this.current;
		if (!m) return;
		Object.assign(m, m.found, { verdict: undefined });
		this.keep(m);
		this.refresh();
		this.screen.seek(m.start);
	}

	/** judge sends a verdict: "right" as it stands now, or "wrong". */
	async judge(word) {
		const m = this.current;
		if (!m || !canJudge()) return;
		const moved = word === "right" && this.edited;
		const before = m.verdict;
		m.verdict = word;
		this.refresh();
		emit("verdict", { video: m.video, ...m.found }, word);
		try {
			await feedback({ query: sentenceOf(route), video: m.video, start: m.start, end: m.end, verdict: moved ? "moved" : word, found: m.found });
			this.keep(m);
			toast(word === "wrong" ? "Noted: not this one." : moved ? "Saved with the corrected boundaries, as an annotation." : "Saved as an annotation.");
		} catch (err) {
			m.verdict = before;
			this.refresh();
			emit("verdict", { video: m.video, ...m.found }, before);
			toast(`Not saved. ${err.message}`, "bad");
		}
	}

	async clip(control) {
		const m = this.current;
		if (!m || app.library?.clips === false) return;
		const label = control?.querySelector("span");
		const text = label?.textContent;
		if (control) {
			control.disabled = true;
			if (label) label.textContent = "Cutting…";
		}
		try {
			await downloadClip(m.video, m.start, m.end);
			say("The clip is downloaded.");
		} catch (err) {
			if (!aborted(err)) {
				toast(`No clip. ${err.message}`, "bad");
				cry(err.message);
			}
		} finally {
			if (control) {
				control.disabled = false;
				if (label) label.textContent = text;
			}
		}
	}

	/** copyLink copies an address that restores query, video and the time that is shown. */
	async copyLink() {
		const at = this.current && Math.abs(this.screen.time - this.current.start) < 0.02 ? this.current.found.start : this.screen.time;
		const url = `${location.origin}${location.pathname}${hash({ ...route, t: at.toFixed(2) })}`;
		try {
			await navigator.clipboard.writeText(url);
			toast("Link copied.");
		} catch {
			// Without TLS beyond this machine there is no clipboard; the address bar has the same.
			go({ ...route, t: at.toFixed(2) }, { quiet: true });
			toast("The address of this page is the link: copy it from the address bar.");
		}
	}

	texts() {
		const m = this.current;
		if (!m || !this.times) return;
		this.times.textContent = `${clock(m.start, 2)} – ${clock(m.end, 2)}`;
		this.long.textContent = `${(m.end - m.start).toFixed(2)} s`;
		this.flag.hidden = this.back.hidden = !this.edited;
		this.right.querySelector("span").textContent = this.edited ? "Save the correction" : "This is right";
		this.right.setAttribute("aria-pressed", String(m.verdict === "right"));
		this.wrong.setAttribute("aria-pressed", String(m.verdict === "wrong"));
	}

	render() {
		const m = this.current;
		const link = button("Copy link", "link", () => this.copyLink());
		if (!m) {
			this.times = null;
			const text = !asks(route) ? "Describe a moment above to find it in this video." : this.list.length ? "Choose a moment on the time line." : "No moment of the query in this video.";
			this.el.replaceChildren(h("div", { class: "moment-row" }, h("p", {}, text), h("span", { class: "spacer" }),
				!asks(route) && this.info && button("Search in this video", "search", () => emit("within", this.info)), link));
			return;
		}
		const s = sure(m, this.threshold);
		this.times = h("span", { class: "moment-times" });
		this.long = h("span", { class: "muted" });
		this.flag = h("span", { class: "edited" }, "corrected");
		this.back = button("Undo the correction", "undo", () => this.reset(), { className: "ghost small", "data-mark": "reset" });
		this.right = button("This is right", "check", () => this.judge("right"), { "data-mark": "right", title: "Key r" });
		this.wrong = button("Not this", "close", () => this.judge("wrong"), { "data-mark": "wrong", title: "Key x" });
		const clip = app.library?.clips !== false && button("Download clip", "save", () => this.clip(clip), { title: "Key d" });
		this.el.replaceChildren(
			h("div", { class: "moment-row" }, h("h3", {}, `Moment ${this.chosen + 1} of ${this.list.length}`), this.times, this.long,
				h("span", { class: `sure ${s.level}` }, s.text), this.flag, this.back),
			h("div", { class: "moment-row" },
				...(canJudge() ? [this.right, this.wrong] : []), h("span", { class: "spacer" }),
				clip, link,
				engine(route)?.like !== false && button("More like this", "like", () => go({ ...onlySearch(route), q: undefined, in: undefined, like: `${m.video}@${m.start.toFixed(2)}-${m.end.toFixed(2)}` })),
				exportMenu("Export", () => this.list.filter((x) => x.verdict !== "wrong"), true)),
		);
		this.texts();
	}
}
