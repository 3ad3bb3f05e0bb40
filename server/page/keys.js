// The keyboard. Keys without a modifier work wherever nobody is typing; what has the focus
// and a use for a key of its own goes first.

import { $, typing } from "./dom.js";
import { app, asks, emit, go, onlySearch, route } from "./state.js";
import { step } from "./cards.js";
import { help } from "./dialogs.js";
import { libraryKey } from "./library.js";
import { close, player, toggleLoop } from "./player.js";
import { toggle } from "./options.js";

/** startKeys listens on the whole page. */
export function startKeys(theme) {
	addEventListener("keydown", (e) => {
		if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]") || !$("login").hidden) return;
		if (typing(e.target)) {
			if (e.key === "Escape") e.target.blur();
			if (e.key === "ArrowDown" && e.target.id === "query" && asks(route)) {
				e.preventDefault();
				step(1);
			}
			return;
		}
		if (page(e, theme) || (route.view === "library" ? libraryKey(e) : watching(e))) e.preventDefault();
	});
}

/** page handles keys that mean the same everywhere. */
function page(e, theme) {
	switch (e.key) {
		case "/":
			if (route.view === "library") go({ ...onlySearch(route) });
			$("query").focus();
			$("query").select();
			return true;
		case "?":
			help(app.library?.version);
			return true;
		case "t":
			theme();
			return true;
		case "a":
			emit("add");
			return true;
		case "v":
			if (route.view === "library") history.back();
			else go({ view: "library" });
			return true;
		case "Escape":
			if (!$("options").hidden) toggle(false);
			else if (route.view === "library") go({});
			else if (player()) close();
			else return false;
			return true;
		case "j":
		case "k":
			if (route.view === "library") return false;
			step(e.key === "j" ? 1 : -1);
			return true;
	}
	return false;
}

/** watching handles keys of the player. */
function watching(e) {
	const p = player();
	if (!p) return false;
	const { screen, timeline, moments } = p;
	const onControl = e.target.closest?.("button, [role=menuitem], summary");
	switch (e.key) {
		case " ":
			if (onControl) return false; // it presses the control
			screen.toggle();
			return true;
		case "ArrowLeft":
		case "ArrowRight":
			screen.seek(screen.time + (e.key === "ArrowLeft" ? -1 : 1) * (e.shiftKey ? 10 : 1));
			return true;
		case ",":
			screen.step(-1);
			return true;
		case ".":
			screen.step(1);
			return true;
		case "l":
			toggleLoop();
			return true;
		case "n":
		case "p":
			if (moments.list.length) moments.choose((moments.chosen + (e.key === "n" ? 1 : -1) + moments.list.length) % moments.list.length);
			return true;
		case "m":
			screen.mute();
			return true;
		case "f":
			screen.full();
			return true;
		case "+":
		case "=":
			timeline.zoom(0.5);
			return true;
		case "-":
			timeline.zoom(2);
			return true;
		case "0":
			timeline.fit();
			return true;
		case "[":
			moments.edge("start", screen.time, true);
			return true;
		case "]":
			moments.edge("end", screen.time, true);
			return true;
		case "r":
			moments.judge("right");
			return true;
		case "x":
			moments.judge("wrong");
			return true;
		case "d":
			moments.clip();
			return true;
		case "c":
			moments.copyLink();
			return true;
	}
	return false;
}
