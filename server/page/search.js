// Asking, and showing the answers as they come: skeletons, candidates, results, the nearest
// misses where nothing matches, and what to do about an error.

import { $, button, cry, h, icon, say } from "./dom.js";
import { aborted, search as ask } from "./api.js";
import { count } from "./format.js";
import { app, asks, canWrite, emit, go, on, onlySearch, request, route, sameSearch } from "./state.js";
import { clearCards, markCurrent, showCards, skeletons } from "./cards.js";
import { exportMenu } from "./dialogs.js";

let running = null; // AbortController of the search in flight
let answer = null; // the last answer, of either stage

/** results are the moments shown, best first. */
export const results = () => answer?.hits ?? [];

/** startSearch wires the form. */
export function startSearch() {
	const input = $("query");
	$("search").addEventListener("submit", (e) => {
		e.preventDefault();
		submit(input.value);
	});
	on("route", follow);
	on("library", suggest);
	on("moment", () => markCurrent(route));
}

/** submit asks for what was typed; the same again asks again. */
export function submit(text) {
	const q = text.trim();
	if (!q) {
		$("query").focus();
		return;
	}
	const next = { ...onlySearch(route), q, like: undefined, view: undefined, v: undefined, t: undefined };
	if (asks(route) && sameSearch(next, route) && !running) run();
	go(next);
	$("query").blur();
}

/** follow shows what a route asks for. */
function follow(now, before) {
	const input = $("query");
	if (document.activeElement !== input || !sameSearch(now, before)) input.value = now.q ?? "";
	if (!asks(now)) {
		running?.abort();
		answer = running = null;
		clearCards();
		$("results").hidden = true;
	} else if (!sameSearch(now, before) || !asks(before)) {
		run();
	}
	markCurrent(now);
	layout(now);
}

/** layout chooses between the start page, the results, and the results beside the player. */
function layout(r) {
	const { dataset, classList } = document.body, library = r.view === "library";
	dataset.view = library ? "library" : "search";
	classList.toggle("start", !library && !r.v && !asks(r));
	classList.toggle("watching", !library && Boolean(r.v));
	classList.toggle("alone", !asks(r));
	const name = library ? "Library" : r.q || (r.like ? "Moments like this" : "");
	document.title = name ? `${name} · Tall` : "Tall";
}

async function run() {
	running?.abort();
	const mine = (running = new AbortController());
	const section = $("results");
	section.hidden = false;
	section.setAttribute("aria-busy", "true");
	$("results-notice").hidden = true;
	title();
	$("results-note").replaceChildren("Searching…");
	// Where there are cards already, as while a query is being refined, they stay until the
	// next ones come, dimmed; nothing jumps.
	if (!results().length) skeletons();
	$("cards").classList.add("rough");
	answer = null;
	try {
		for await (const part of ask(request(route), mine.signal)) {
			if (mine !== running) return;
			show(part);
		}
	} catch (err) {
		if (aborted(err) || mine !== running) return;
		fail(err);
	} finally {
		if (mine === running) {
			running = null;
			section.removeAttribute("aria-busy");
		}
	}
}

function title() {
	const scope = route.in && h("span", { class: "within" }, `in ${nameOf(route.in)}`, button("Search all videos", "close", () => go({ ...onlySearch(route), in: undefined }), { only: true }));
	const text = route.like && !route.q ? "Moments like this one" : route.q;
	$("results-title").replaceChildren(h("span", {}, text ?? ""), scope ? " " : "", scope || "");
}

const known = new Map(); // names of videos by ID, as far as they were seen
const nameOf = (id) => known.get(id) ?? "one video";

/** learnName keeps the name of a video for titles. */
export function learnName(video) {
	known.set(video.id, video.name);
	if (route.in === video.id) title();
}

function show(part) {
	answer = part;
	const { hits } = part;
	for (const hit of hits) known.set(hit.video, hit.name);
	const rough = part.stage === "candidates";
	if (rough && !hits.length) return; // the skeletons stay until the localizer has looked
	const list = $("cards");
	list.classList.toggle("rough", rough);
	list.classList.toggle("misses", part.no_match);
	showCards(hits, { threshold: part.threshold, rough });
	markCurrent(route);
	notice(part, rough);
	emit("results", part);
	if (rough) return;
	const ms = part.took.encode_ms + part.took.candidates_ms + part.took.refine_ms;
	const found = part.no_match ? "no match" : count(hits.length, "moment");
	const note = `${found} · ${count(part.videos, "video")} · ${ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`}`;
	$("results-note").replaceChildren(note, ...part.warnings.map((w) => h("span", { class: "error-text" }, ` · ${w}`)));
	$("results-tools").replaceChildren(...(hits.length && !part.no_match ? [exportMenu("Export", () => results())] : []));
	const best = hits[0];
	say(part.no_match ? "No match. The nearest misses are listed." : `${found} found. Best: ${best.name}.`);
}

/** notice explains an answer without a match, or an empty library. */
function notice(part, rough) {
	const box = $("results-notice");
	box.hidden = rough || !(part.no_match || !part.hits.length);
	box.classList.remove("bad");
	if (box.hidden) return;
	const near = part.hits.length > 0;
	const filtered = ["in", "folder", "name", "after", "before", "min", "max"].some((k) => route[k]);
	box.replaceChildren(
		h("h3", {}, part.videos === 0 ? (filtered ? "No video passes the filters" : "There are no videos to search yet") : "Nothing matches well enough"),
		h("p", {}, part.videos === 0
			? filtered ? "Widen the filters, or take them away." : "Add some videos; they can be searched as soon as they have been read."
			: near ? "No moment reaches the confidence at which a match is more than chance. The nearest misses are below, dimmed. Plainer words often help: who does what, with which thing."
				: "Try plainer words: who does what, with which thing."),
		h("div", { class: "actions" },
			filtered && button("Take filters away", "close", () => go({ q: route.q, like: route.like, e: route.e, l: route.l })),
			near && !route.brute && button("Look at every window", "search", () => go({ ...onlySearch(route), brute: "1" })),
			part.videos === 0 && !filtered && canWrite() && button("Add videos", "plus", () => emit("add"), { className: "primary" }),
			near && button("Show all the same", null, () => go({ ...onlySearch(route), thr: "-1" }))),
	);
}

function fail(err) {
	clearCards();
	const box = $("results-notice");
	box.hidden = false;
	box.classList.add("bad");
	box.replaceChildren(
		h("h3", {}, err.status === 422 ? "This query cannot be answered" : err.status === 429 ? "Too many requests at once" : "The search failed"),
		h("p", {}, err.message),
		h("div", { class: "actions" }, button("Try again", "undo", run)),
	);
	$("results-note").replaceChildren("");
	$("results-tools").replaceChildren();
	cry(err.message);
}

/** suggest fills the start page from what the server says. */
function suggest(library) {
	$("suggestions").replaceChildren(...library.suggestions.slice(0, 8).map((text) =>
		h("button", { type: "button", onclick: () => submit(text) }, icon("search"), h("span", {}, text))));
	const foot = $("welcome-foot");
	const ready = library.states.ready ?? 0;
	if (library.videos > 0) {
		foot.replaceChildren(`${count(library.videos, "video")} in the library${ready < library.videos ? `, ${ready.toLocaleString("en")} of them ready` : ""}.`);
	} else {
		foot.replaceChildren("The library is empty. ", ...(canWrite() ? [button("Add videos", "plus", () => emit("add"), { className: "primary" })] : []));
	}
	if (asks(route) && app.library) title();
}
