// The player: it puts screen, controls, time line and moments together and follows the
// route. One video is open at a time; what was asked for an earlier one is dropped.

import { $, button, cry, h, setIcon, tool } from "./dom.js";
import { aborted, curve, oneVideo } from "./api.js";
import { clock } from "./format.js";
import { asks, emit, go, on, onlySearch, recall, remember, request, route, sameSearch } from "./state.js";
import { Screen } from "./screen.js";
import { Timeline } from "./timeline.js";
import { Moments, union } from "./moments.js";
import { learnName, results } from "./search.js";

let opening = null; // AbortController of what is being loaded
let screen, timeline, moments, title, times, playButton, loopButton, muteButton;

/** player is what the keys work on; null while no video is open. */
export const player = () => (route.v && route.view !== "library" && !$("stage").hidden ? { screen, timeline, moments } : null);

/** startPlayer builds the stage once; videos come and go in it. */
export function startPlayer() {
	screen = new Screen({ onTime: showTime, onState: showState });
	timeline = new Timeline({
		seek: (t) => screen.seek(t),
		select: (i) => moments.choose(i),
		edge: (name, t, done) => moments.edge(name, t, done),
	});
	moments = new Moments(screen, timeline);
	title = h("h2", { tabindex: -1 });
	times = h("span", { class: "time" }, h("b", {}), h("span", { class: "muted" }));
	playButton = button("Play", "play", () => screen.toggle(), { only: true, className: "square" });
	loopButton = tool("Loop the moment", "loop", () => toggleLoop(), { "aria-pressed": "true" });
	muteButton = tool("Sound", "sound", () => screen.mute(), { className: "optional" });
	const speed = h("select", { "aria-label": "Speed", class: "optional", onchange: (e) => (screen.video.playbackRate = screen.video.defaultPlaybackRate = Number(e.target.value)) },
		[0.25, 0.5, 1, 1.5, 2].map((s) => h("option", { value: s, selected: s === 1 }, `${s}×`)));
	screen.looping = recall("loop") !== "off";
	$("stage").append(
		h("div", { class: "stage-head" }, title, tool("Close the player", "close", close)),
		screen.el,
		h("div", { class: "controls" },
			playButton,
			tool("One frame back", "back", () => screen.step(-1)),
			tool("One frame on", "forward", () => screen.step(1)),
			loopButton, times, h("span", { class: "spacer" }), speed, muteButton,
			tool("Full screen", "full", () => screen.full())),
		timeline.el, moments.el);
	on("route", follow);
	on("results", (part) => {
		moments.threshold = part.threshold;
		if (screen.info && !moments.current) merge([]);
	});
	on("theme", () => timeline.recolor());
}

/** close shows the results alone again. */
export function close() {
	const card = document.querySelector(".card.current .card-link");
	go({ ...onlySearch(route) });
	card?.focus({ preventScroll: true });
}

export function toggleLoop() {
	screen.setLooping(!screen.looping);
	remember("loop", screen.looping ? undefined : "off");
}

function showTime(t) {
	times.firstChild.textContent = clock(t, 2);
	timeline.setTime(t, screen.playing);
}

function showState({ playing, muted, looping }) {
	const label = (el, text) => {
		el.setAttribute("aria-label", text);
		el.title = text;
	};
	setIcon(playButton, playing ? "pause" : "play");
	label(playButton, playing ? "Pause" : "Play");
	setIcon(muteButton, muted ? "mute" : "sound");
	label(muteButton, muted ? "Sound on" : "Sound off");
	loopButton.setAttribute("aria-pressed", String(looping));
	if (!playing && screen.info) emit("paused", screen.time);
}

/** follow opens, moves or closes what the route says. */
function follow(now, before) {
	const stage = $("stage");
	if (!now.v || now.view === "library") {
		opening?.abort();
		opening = null;
		stage.hidden = true;
		screen.unload();
		return;
	}
	const at = now.t === undefined ? undefined : Number(now.t);
	const newVideo = screen.info?.id !== now.v;
	if (!newVideo && opening === null && sameSearch(now, before)) {
		stage.hidden = false;
		if (at !== undefined) moveTo(at);
		return;
	}
	open(now, at, newVideo);
}

/** moveTo moves within the open video, to a moment where one begins there. */
function moveTo(at) {
	const i = moments.list.findIndex((m) => Math.abs(m.found.start - at) < 0.02);
	if (i >= 0) moments.choose(i, { play: mayPlay() });
	else screen.seek(at);
}

// A link that was opened is shown; what was clicked is played.
const mayPlay = () => navigator.userActivation?.isActive ?? false;

async function open(now, at, newVideo) {
	opening?.abort();
	const mine = (opening = new AbortController());
	const stage = $("stage");
	stage.hidden = false;
	try {
		if (newVideo) {
			screen.unload();
			moments.video(null); // keys would judge what is no longer shown
			moments.refresh();
			const hit = results().find((x) => x.video === now.v);
			title.textContent = hit?.name ?? "…";
			stage.setAttribute("aria-busy", "true");
			screen.cover(hit && document.querySelector(".card.current img")?.src);
			timeline.setCurve(null, "");
			if (matchMedia("(max-width: 1079px)").matches) scrollTo(0, 0);
			const play = mayPlay();
			const info = await oneVideo(now.v, mine.signal);
			if (mine !== opening) return;
			title.textContent = title.title = info.name;
			learnName(info);
			stage.removeAttribute("aria-busy");
			screen.load(info, at ?? 0);
			times.lastChild.textContent = ` / ${clock(info.duration)}`;
			timeline.setVideo(info, screen.fps);
			timeline.setTime(at ?? 0);
			moments.video(info);
			merge([], at);
			if (play) screen.play();
		} else {
			moments.video(screen.info);
			merge([], at);
		}
		if (!asks(now)) {
			timeline.setCurve(null, "Search to see where this video fits");
			return;
		}
		timeline.setCurve(null, "Reading the curve…");
		const c = await curve(now.v, request(now), mine.signal);
		if (mine !== opening) return;
		timeline.setCurve(c.times?.length ? c : null, c.times?.length ? "" : "No curve for this video");
		merge(c.hits ?? [], at);
	} catch (err) {
		if (aborted(err) || mine !== opening) return;
		cry(err.message);
		if (screen.info) timeline.setCurve(null, err.message);
		else {
			title.textContent = err.status === 404 ? "This video is no longer in the library" : "The video cannot be opened";
			screen.caption.hidden = false;
			screen.caption.textContent = err.message;
		}
	} finally {
		if (mine === opening) {
			opening = null;
			stage.removeAttribute("aria-busy");
		}
	}
}

/** merge shows the moments of the curve, and those of the answer that it lacks. */
function merge(hits, at = route.t === undefined ? undefined : Number(route.t)) {
	const mine = results().filter((hit) => hit.video === route.v);
	// The answer's own moments keep their confidence and come first.
	const least = moments.threshold > 0 ? moments.threshold : 0;
	const all = union(mine, hits).map((hit) => ({ ...hit, weak: hit.confidence !== null && hit.confidence < least }));
	moments.set(all.slice(0, 12), at);
}

