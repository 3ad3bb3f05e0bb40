// The picture that shows what is under the pointer on the time line. Pictures come from one
// sprite, a grid of small frames, loaded when it is first wanted.

import { h } from "./dom.js";
import { sprite, spriteURL } from "./api.js";
import { clock } from "./format.js";
import { app } from "./state.js";

/** Peek is a small box above the time line. */
export class Peek {
	constructor() {
		this.frame = h("i", { hidden: true });
		this.text = h("span", {});
		this.el = h("div", { class: "peek", hidden: true, "aria-hidden": "true" }, this.frame, this.text);
		this.id = null;
		this.grid = null;
	}

	/** video chooses whose pictures are shown. */
	video(id) {
		this.loading?.abort();
		this.id = id;
		this.grid = this.loading = null;
		this.frame.hidden = true;
		this.hide();
	}

	async load() {
		this.loading = new AbortController();
		const id = this.id;
		try {
			const grid = await sprite(id, this.loading.signal);
			const image = new Image();
			image.src = spriteURL(id);
			await image.decode();
			if (id !== this.id) return;
			this.grid = grid;
			this.frame.style.backgroundImage = `url("${image.src}")`;
			this.frame.style.width = `${grid.width}px`;
			this.frame.style.height = `${grid.height}px`;
			this.frame.hidden = false;
			if (!this.el.hidden) this.show(...this.last);
		} catch {
			// Without ffmpeg there is no sprite; the time alone is shown.
		}
	}

	/** show shows the time t at x of a track so wide. */
	show(t, x, width) {
		this.last = [t, x, width];
		if (!this.loading && this.id && app.library?.clips !== false) this.load();
		if (this.grid) {
			const { columns, rows, interval, width: w, height: hgt } = this.grid;
			const i = Math.max(0, Math.min(columns * rows - 1, Math.floor(t / interval)));
			this.frame.style.backgroundPosition = `-${(i % columns) * w}px -${Math.floor(i / columns) * hgt}px`;
		}
		this.text.textContent = clock(t, 1);
		this.el.hidden = false;
		const half = this.el.offsetWidth / 2;
		this.el.style.left = `${Math.max(half, Math.min(width - half, x))}px`;
	}

	hide() {
		this.el.hidden = true;
	}
}
