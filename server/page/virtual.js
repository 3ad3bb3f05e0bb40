// A list of any length of which only the rows that are seen exist.

import { h } from "./dom.js";

const spare = 6; // rows kept beyond what is seen, on either side

/**
 * VirtualList shows `count` rows of one height. make(i) builds a row, or returns null while
 * its data is not there; want(first, last) hears what is seen.
 */
export class VirtualList {
	constructor({ label, height, make, want }) {
		this.height = height;
		this.make = make;
		this.want = want;
		this.count = 0;
		this.rows = new Map(); // by number
		this.focus = 0; // the row that Tab leads to
		this.size = h("div", { class: "list-size", role: "list", "aria-label": label });
		this.el = h("div", { class: "list", tabindex: -1 }, this.size);
		this.el.addEventListener("scroll", () => this.later(), { passive: true });
		this.el.addEventListener("keydown", (e) => this.key(e));
		this.el.addEventListener("focusin", (e) => {
			const row = e.target.closest("[data-row]");
			if (row) this.focus = Number(row.dataset.row);
		});
		new ResizeObserver(() => this.draw()).observe(this.el);
	}

	/** setCount shows so many rows, all made anew. */
	setCount(n, { keep = false } = {}) {
		this.count = n;
		this.size.style.height = `${n * this.height}px`;
		if (!keep) this.clear();
		this.draw();
	}

	clear() {
		for (const row of this.rows.values()) row.remove();
		this.rows.clear();
	}

	/** refresh makes the rows that are seen again. */
	refresh() {
		const active = document.activeElement?.closest?.("[data-row]");
		const focused = active && this.size.contains(active) ? Number(active.dataset.row) : -1;
		this.clear();
		this.draw();
		if (focused >= 0) this.rows.get(Math.min(focused, this.count - 1))?.querySelector("a, button")?.focus({ preventScroll: true });
	}

	later() {
		this.frame ??= requestAnimationFrame(() => {
			this.frame = undefined;
			this.draw();
		});
	}

	/** seen is the first and the last row on the screen. */
	seen() {
		const first = Math.floor(this.el.scrollTop / this.height);
		return [first, Math.min(this.count - 1, first + Math.ceil(this.el.clientHeight / this.height))];
	}

	draw() {
		if (!this.el.clientHeight) return;
		const [first, last] = this.seen();
		const from = Math.max(0, first - spare), to = Math.min(this.count - 1, last + spare);
		for (const [i, row] of this.rows) {
			// The row that has the focus stays, or the keyboard would lose its place.
			if ((i < from || i > to) && !row.contains(document.activeElement)) {
				row.remove();
				this.rows.delete(i);
			}
		}
		const fresh = document.createDocumentFragment();
		for (let i = from; i <= to; i++) {
			const old = this.rows.get(i);
			if (old && !("pending" in old.dataset)) continue;
			const made = this.make(i);
			if (!made && old) continue;
			const row = made ?? h("div", { class: "video-row", "data-pending": true }, h("div", { class: "shot skeleton" }), h("div", { class: "skeleton" }));
			row.setAttribute("role", "listitem");
			row.setAttribute("aria-posinset", i + 1);
			row.setAttribute("aria-setsize", this.count);
			row.dataset.row = i;
			row.style.transform = `translateY(${i * this.height}px)`;
			old?.remove();
			this.rows.set(i, row);
			fresh.append(row);
		}
		this.size.append(fresh);
		this.want(from, to);
	}

	/** key moves between rows: arrows, j and k, pages, both ends. */
	key(e) {
		if (e.ctrlKey || e.metaKey || e.altKey) return;
		const page = Math.max(1, Math.floor(this.el.clientHeight / this.height) - 1);
		const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -this.count, End: this.count }[e.key];
		if (!by) return;
		e.preventDefault();
		e.stopPropagation();
		this.focusRow(Math.max(0, Math.min(this.count - 1, this.focus + by)));
	}

	/** focusRow scrolls to a row and focuses its link. */
	focusRow(i) {
		this.focus = i;
		const top = i * this.height, bottom = top + this.height;
		if (top < this.el.scrollTop) this.el.scrollTop = top;
		else if (bottom > this.el.scrollTop + this.el.clientHeight) this.el.scrollTop = bottom - this.el.clientHeight;
		this.draw();
		this.rows.get(i)?.querySelector("a, button")?.focus({ preventScroll: true });
	}
}
