// The library: all videos with their states, in a list that stays quick at any length.

import { $, button, h, icon, plain, say, tool } from "./dom.js";
import { aborted, downloadAnnotations, removeVideo, thumbnailURL, videos } from "./api.js";
import { bytes, clock, count, day, length } from "./format.js";
import { canWrite, emit, go, hash, on, route } from "./state.js";
import { confirm, toast } from "./dialogs.js";
import { picture } from "./pictures.js";
import { VirtualList } from "./virtual.js";
import { activity } from "./add.js";

const page = 200; // videos asked for at once

const words = { waiting: "waiting", working: "being read", ready: "ready", failed: "set aside", missing: "file missing", damaged: "damaged" };

let list, head, empty, filterText, filterState, problem;
let rows = []; // what has been loaded, from the first on
let total = 0, cursor = "", ended = false;
let loading = null; // AbortController
let wanted = 0; // the last row that is to be seen

/** startLibrary builds the view once; videos are asked for when it is first shown. */
export function startLibrary() {
	head = h("div", {});
	filterText = h("input", { type: "search", placeholder: "Name or folder", "aria-label": "Videos whose name or folder contains", oninput: () => other() });
	filterState = h("select", { "aria-label": "State", onchange: () => other() }, h("option", { value: "" }, "All states"), Object.entries(words).map(([s, text]) => h("option", { value: s }, text)));
	problem = h("p", { class: "error-text", role: "alert" });
	empty = h("div", { class: "empty", hidden: true });
	list = new VirtualList({ label: "Videos", height: 72, make, want: (_, last) => (wanted = last, more()) });
	list.el.append(empty);
	$("library").append(
		h("div", { class: "library-head" }, head, h("div", { class: "actions" },
			h("span", { class: "for-write", hidden: true }, button("Add videos", "plus", () => emit("add"), { className: "primary" })),
			button("Annotations", "save", saveAnnotations, { title: "Moments judged right, ready for training (JSONL)" }),
			h("span", { class: "for-session", hidden: true }, button("Sign out", "exit", () => emit("sign-out"))))),
		activity(),
		h("div", { class: "library-filter", role: "search", "aria-label": "Videos" }, filterText, filterState),
		problem, list.el);
	on("route", (now, before) => {
		$("library").hidden = now.view !== "library";
		$("to-library").toggleAttribute("aria-current", now.view === "library");
		if (now.view === "library") $("to-library").setAttribute("aria-current", "page");
		if (now.view === "library" && before.view !== "library") reload();
	});
	on("library", facts);
	on("stale", () => route.view === "library" && soon(1500));
}

/** facts shows the counts, here and in the bar. */
function facts(library) {
	$("video-count").textContent = library.videos.toLocaleString("en");
	const states = Object.entries(library.states).filter(([s, n]) => n && s !== "ready").map(([s, n]) => `${n.toLocaleString("en")} ${words[s] ?? s}`);
	head.replaceChildren(h("h2", {}, "Library"),
		h("p", {}, [count(library.videos, "video"), length(library.seconds), ...states, library.engines.map((e) => e.name).join(", ")].filter(Boolean).join(" · ")));
	document.querySelectorAll(".for-write").forEach((el) => (el.hidden = !canWrite()));
	document.querySelectorAll(".for-session").forEach((el) => (el.hidden = !library.authenticated));
}

let timer;
/** soon asks again in a while, however often it is called meanwhile. */
function soon(wait) {
	timer ??= setTimeout(() => {
		timer = undefined;
		reload();
	}, wait);
}

/** other begins another list, when the filter has changed. */
function other() {
	list.el.scrollTop = 0;
	wanted = 0;
	soon(200);
}

/** reload asks for the first videos again; rows on the screen stay until they are here. */
function reload() {
	loading?.abort();
	loading = null;
	cursor = "";
	ended = false;
	fetchPage(true);
}

/** more loads pages, one after another, until what is seen is there. */
function more() {
	if (!loading && !ended && rows.length <= wanted && rows.length < total) fetchPage(false);
}

async function fetchPage(fresh) {
	const mine = (loading = new AbortController());
	if (fresh && !rows.length) list.setCount(8);
	try {
		let got = fresh ? [] : rows;
		const before = total;
		do {
			const answer = await videos({ text: filterText.value.trim(), state: filterState.value, cursor, limit: page }, mine.signal);
			if (mine !== loading) return;
			got = got.concat(answer.videos);
			cursor = answer.next ?? "";
			ended = !cursor;
			total = answer.total;
		} while (fresh && !ended && got.length <= wanted); // what is seen is replaced at once
		problem.textContent = "";
		rows = got;
		loading = null;
		if (fresh) {
			list.setCount(total, { keep: true });
			list.refresh();
			if (total !== before) say(`${count(total, "video")} listed`);
		} else {
			list.draw();
		}
		showEmpty();
		more();
	} catch (err) {
		if (aborted(err) || mine !== loading) return;
		loading = null;
		ended = true;
		problem.textContent = err.message;
		if (!rows.length) list.setCount(0);
	}
}

function showEmpty() {
	empty.hidden = total > 0;
	if (total > 0) return;
	const filtered = filterText.value || filterState.value;
	empty.replaceChildren(icon("film"), h("h3", {}, filtered ? "No video passes the filter" : "No videos yet"),
		h("p", {}, filtered ? "Try fewer letters, or all states." : "Drop files anywhere on this page, or name a folder that the server may read."),
		!filtered && canWrite() ? button("Add videos", "plus", () => emit("add"), { className: "primary" }) : "");
}

/** make builds the row of one video. */
function make(i) {
	const v = rows[i];
	if (!v) return null;
	const img = h("img", { alt: "", decoding: "async", class: "pending", onload: () => img.classList.remove("pending"), onerror: () => img.replaceWith(h("span", { class: "blank" }, icon("film"))) });
	picture(img, thumbnailURL(v.id, v.duration / 3, 160));
	const reason = v.reason || (v.features ?? []).map((f) => f.reason).find(Boolean);
	return h("div", { class: "video-row" },
		h("div", { class: "shot" }, img),
		h("div", { class: "row-name" },
			h("a", { href: hash({ v: v.id }), title: v.path, tabindex: 0, onclick: (e) => plain(e) && go({ v: v.id }) }, v.name),
			reason && v.state !== "ready" ? h("small", { class: "reason", title: reason }, reason) : h("small", {}, v.folder)),
		h("span", { class: "row-num" }, clock(v.duration)),
		h("span", { class: "row-num" }, day(v.modified)),
		h("span", { class: "row-num" }, bytes(v.size)),
		h("span", { class: `badge ${v.state}`, title: reason || words[v.state] }, words[v.state] ?? v.state),
		h("div", { class: "row-actions" },
			tool(`Search in ${v.name}`, "search", () => emit("within", v), { className: "small" }),
			canWrite() && tool(`Remove ${v.name}`, "trash", () => remove(v), { className: "small" })));
}

async function remove(v) {
	const sure = await confirm(`Remove ${v.name}?`, "It can no longer be found, and what was computed for it is deleted. A file in one of your folders stays where it is; an uploaded file is deleted.", "Remove");
	if (!sure) return;
	try {
		await removeVideo(v.id);
	} catch (err) {
		toast(`Not removed. ${err.message}`, "bad");
		return;
	}
	const at = rows.findIndex((r) => r.id === v.id);
	if (at >= 0) {
		rows.splice(at, 1);
		total--;
		list.setCount(total, { keep: true });
		list.refresh();
		showEmpty();
	}
	toast(`${v.name} is removed.`);
	emit("stale");
}

async function saveAnnotations() {
	try {
		await downloadAnnotations();
	} catch (err) {
		toast(err.message, "bad");
	}
}

/** libraryKey handles keys of this view; it tells whether it did. */
export function libraryKey(e) {
	if (e.key === "j" || e.key === "ArrowDown") list.focusRow(Math.min(total - 1, document.activeElement.closest(".list") ? list.focus + 1 : list.focus));
	else if (e.key === "k" || e.key === "ArrowUp") list.focusRow(Math.max(0, list.focus - 1));
	else return false;
	return true;
}

