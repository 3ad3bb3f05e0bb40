// What lies above the page: questions, help, menus, and short notices.

import { $, button, cry, h, tool } from "./dom.js";
import { aborted, downloadExport } from "./api.js";
import { sentenceOf, route } from "./state.js";

/** toast tells something in passing. */
export function toast(text, kind = "") {
	const el = h("div", { class: `toast ${kind}` }, text);
	$("toasts").append(el);
	setTimeout(() => el.remove(), kind === "bad" ? 8000 : 3500);
}

/** dialog shows a titled box until it is closed; the focus then goes back. */
export function dialog(title, ...body) {
	const back = document.activeElement;
	const head = h("h2", { id: `dialog-${Date.now()}` }, title);
	const el = h("dialog", { "aria-labelledby": head.id },
		h("div", { class: "dialog-head" }, head, tool("Close", "close", () => el.close())),
		h("div", { class: "dialog-body" }, ...body));
	el.addEventListener("close", () => {
		el.remove();
		if (back?.isConnected) back.focus({ preventScroll: true });
	});
	el.addEventListener("click", (e) => e.target === el && el.close()); // beside the box
	document.body.append(el);
	el.showModal();
	return el;
}

/** confirm asks before something that cannot be taken back. */
export function confirm(title, text, verb) {
	return new Promise((resolve) => {
		let answer = false;
		const no = button("Keep it", null, () => el.close());
		const el = dialog(title, h("p", {}, text), h("div", { class: "dialog-foot" }, no,
			button(verb, "trash", () => {
				answer = true;
				el.close();
			}, { className: "danger" })));
		no.focus();
		el.addEventListener("close", () => resolve(answer));
	});
}

const queries = [
	["a person cuts bread", "a sentence: who does what, with which thing"],
	['a car -truck -"police car"', "without what is described so"],
	['"opens the fridge" then "pours milk"', "moments that follow one another"],
];

const shortcuts = [
	["Search", [["/"], "go to the search box"], [["j", "k"], "next, previous result"], [["Enter"], "watch it"], [["Esc"], "close what is open"]],
	["Watch", [["Space"], "play or pause"], [["←", "→"], "a second back or on (with Shift: ten)"], [[",", "."], "a frame back or on"],
		[["l"], "loop the moment, or not"], [["n", "p"], "next, previous moment of this video"], [["m"], "sound on or off"], [["f"], "full screen"],
		[["+", "−", "0"], "zoom the time line in, out, all"]],
	["Correct", [["[", "]"], "the moment begins, ends at the current time"], [["r"], "this is right"], [["x"], "not this"], [["d"], "download the clip"], [["c"], "copy the link"]],
	["Page", [["v"], "library, or back"], [["a"], "add videos"], [["t"], "colors: system, light, dark"], [["?"], "this help"]],
];

/** help lists what the search box and the keys understand. */
export function help(version) {
	const list = (title, rows) => h("section", {}, h("h3", {}, title), h("dl", { class: "shortcuts" }, rows));
	dialog("Help",
		list("In the search box", queries.flatMap(([text, what]) => [h("dt", {}, h("code", {}, text)), h("dd", {}, what)])),
		...shortcuts.map(([group, ...rows]) => list(group, rows.flatMap(([keys, what]) => [h("dt", {}, keys.map((k) => h("kbd", {}, k))), h("dd", {}, what)]))),
		h("p", { class: "muted" }, "On the time line: drag to move through the video, Ctrl and wheel (or two fingers) to zoom. The ends of the chosen moment can be dragged, or moved with the arrow keys, frame by frame."),
		h("p", { class: "muted" }, `tall ${version ?? ""} · `, h("a", { href: "/openapi.json" }, "API")));
}

/** menu is a button that opens a short list of actions. */
export function menu(label, name, items, up = false) {
	const list = h("div", { class: up ? "menu up" : "menu", role: "menu", hidden: true });
	const opener = button(label, name, () => (list.hidden ? open() : close()), { "aria-haspopup": "menu", "aria-expanded": "false" });
	const wrap = h("div", { class: "menu-wrap" }, opener, list);
	const outside = (e) => wrap.contains(e.target) || close();
	function open() {
		list.hidden = false;
		opener.setAttribute("aria-expanded", "true");
		list.querySelector("button").focus();
		document.addEventListener("pointerdown", outside);
	}
	function close() {
		list.hidden = true;
		opener.setAttribute("aria-expanded", "false");
		document.removeEventListener("pointerdown", outside);
	}
	list.append(...items.map(([text, note, action]) => h("button", {
		type: "button", role: "menuitem", tabindex: -1,
		onclick: () => {
			close();
			opener.focus();
			action();
		},
	}, h("span", {}, text), h("small", {}, note))));
	wrap.addEventListener("keydown", (e) => {
		if (list.hidden) return;
		const all = [...list.children], at = all.indexOf(document.activeElement);
		const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[e.key];
		if (to !== undefined) all[to % all.length].focus();
		else if (e.key === "Escape") {
			close();
			opener.focus();
		} else if (e.key === "Tab") return close();
		else return;
		e.preventDefault();
		e.stopPropagation();
	});
	return wrap;
}

const formats = [
	["edl", "Cutting list", "EDL"], ["fcpxml", "Final Cut, Resolve", "FCPXML"], ["csv", "Table", "CSV"],
	["srt", "Subtitles", "SRT"], ["vtt", "Web subtitles", "WebVTT"], ["json", "Data", "JSON"],
];

/** exportMenu saves moments in the formats of editors and tables. */
export function exportMenu(label, moments, up = false) {
	return menu(label, "share", formats.map(([format, text, note]) => [text, note, async () => {
		const sentence = sentenceOf(route);
		try {
			await downloadExport({
				format, title: sentence,
				moments: moments().map((m) => ({ video: m.video, start: m.start, end: m.end, sentence, score: m.score, confidence: m.confidence })),
			});
		} catch (err) {
			if (aborted(err)) return;
			toast(`No export. ${err.message}`, "bad");
			cry(err.message);
		}
	}]), up);
}
