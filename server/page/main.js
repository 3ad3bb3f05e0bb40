// The page's beginning: it wires the parts, asks the server what it is, and shows what the
// URL says.

import { $, cry, plain, say, setIcon } from "./dom.js";
import { library } from "./api.js";
import { app, asks, emit, go, on, onlySearch, recall, remember, route, watch } from "./state.js";
import { startAdding } from "./add.js";
import { help, toast } from "./dialogs.js";
import { startKeys } from "./keys.js";
import { startLibrary } from "./library.js";
import { startOptions } from "./options.js";
import { startPlayer } from "./player.js";
import { learnName, startSearch } from "./search.js";
import { startSession } from "./session.js";

const themes = { auto: ["auto", "Colors: as the system"], light: ["sun", "Colors: light"], dark: ["moon", "Colors: dark"] };

/** theme goes from the system's colors to light, to dark, and back. */
function theme(next) {
	const names = Object.keys(themes);
	const now = recall("theme") ?? "auto";
	const name = typeof next === "string" ? next : names[(names.indexOf(now) + 1) % names.length];
	remember("theme", name === "auto" ? undefined : name);
	if (name === "auto") delete document.documentElement.dataset.theme;
	else document.documentElement.dataset.theme = name;
	const [picture, text] = themes[name];
	setIcon($("theme"), picture);
	$("theme").setAttribute("aria-label", text);
	$("theme").title = text;
	emit("theme");
	if (typeof next !== "string") say(text);
}

/** load asks what the server has; the rest of the page hears it as "library". */
async function load() {
	try {
		app.library = await library();
		emit("library", app.library);
	} catch (err) {
		if (err.status === 401) return false;
		toast(err.message, "bad");
		cry(err.message);
	}
	return true;
}

let stale;

function start() {
	startSession(begin);
	startSearch();
	startOptions();
	startPlayer();
	startLibrary();
	startAdding();
	startKeys(theme);
	theme(recall("theme") ?? "auto");
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => emit("theme"));

	$("theme").addEventListener("click", theme);
	$("help-button").addEventListener("click", () => help(app.library?.version));
	$("brand").addEventListener("click", (e) => plain(e) && go({}));
	$("to-library").addEventListener("click", (e) => plain(e) && go({ view: "library" }));
	$("skip").addEventListener("click", (e) => {
		e.preventDefault(); // the hash is the page's state
		$("main").focus();
	});

	on("within", (video) => {
		learnName(video);
		go({ ...onlySearch(route), in: video.id, v: asks(route) ? route.v : undefined });
		$("query").focus();
		if (!asks(route)) toast(`Searching in ${video.name}`);
	});
	// Counts are asked for again a moment after something changed, once for many changes.
	on("stale", () => {
		clearTimeout(stale);
		stale = setTimeout(load, 400);
	});
	on("paused", (t) => {
		if (route.v && Number.isFinite(t) && !document.querySelector(".card.current")) go({ ...route, t: t.toFixed(2) }, { quiet: true });
	});
	begin();
}

let begun = false;

/** begin shows what the URL says, once the server lets us. */
async function begin() {
	if (!(await load()) || begun) return;
	begun = true;
	watch();
	if (!asks(route) && !route.v && route.view !== "library" && !matchMedia("(pointer: coarse)").matches) $("query").focus();
}

start();
