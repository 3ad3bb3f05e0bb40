// The options under the search box: which encoder and localizer answer, how many moments,
// and which videos are searched.

import { $, button, h } from "./dom.js";
import { app, asks, engine, go, on, route } from "./state.js";

const fields = ["e", "l", "top", "thr", "folder", "name", "after", "before", "min", "max", "brute"];

/** startOptions wires the button; the panel is built when it opens, from what there is then. */
export function startOptions() {
	$("options-button").addEventListener("click", () => toggle($("options").hidden));
	$("options").addEventListener("keydown", (e) => {
		if (e.key === "Escape") {
			e.stopPropagation();
			toggle(false);
			$("options-button").focus();
		}
	});
	document.addEventListener("pointerdown", (e) => {
		if (!$("options").hidden && !e.target.closest("#options, #search")) toggle(false);
	});
	on("route", (r) => {
		const set = fields.filter((k) => r[k]).length;
		$("options-dot").hidden = set === 0;
		$("options-button").setAttribute("aria-label", set ? `Options, ${set} set` : "Options");
		refresh();
	});
	on("library", refresh);
}

/** refresh builds the panel again, but for under what is being typed. */
const refresh = () => $("options").hidden || document.activeElement.matches("#options input") || build();

/** toggle opens or closes the panel. */
export function toggle(open) {
	$("options").hidden = !open;
	$("options-button").setAttribute("aria-expanded", String(open));
	if (open) {
		build();
		$("options").querySelector("select, input")?.focus();
	}
}

/** set changes one option: at once where there is a query, else for the one that comes. */
function set(key, value) {
	const next = { ...route, [key]: value || undefined };
	if (key === "e") next.l = undefined; // localizers belong to their encoder
	go(next, { replace: !asks(route) });
}

function build() {
	const panel = $("options");
	const engines = app.library?.engines ?? [];
	const chosen = engine(route);
	const focus = panel.contains(document.activeElement) ? document.activeElement.name : null;
	const field = (label, control) => h("label", { class: "field" }, label, control);
	const input = (name, props) => h("input", { name, value: route[name] ?? "", ...props, onchange: (e) => set(name, e.target.value) });
	const choice = (name, options, current) => h("select", { name, onchange: (e) => set(name, e.target.value) },
		options.map(([value, text]) => h("option", { value, selected: value === (current ?? "") }, text)));
	panel.replaceChildren(
		field("Encoder", choice("e", engines.map((e, i) => [i === 0 ? "" : e.name, e.name]), route.e)),
		field("Localizer", choice("l", (chosen?.localizers ?? []).map((l, i) => [i === 0 ? "" : l, l]), route.l)),
		field("Moments", choice("top", [["", "12"], ["24", "24"], ["48", "48"], ["100", "100"]], route.top)),
		field("Least confidence", choice("thr", [["", chosen?.threshold ? `usual (${Math.round(100 * chosen.threshold)} %)` : "usual"], ["-1", "show everything"], ["0.25", "25 %"], ["0.75", "75 %"], ["0.9", "90 %"]], route.thr)),
		field("Name contains", input("name", { type: "text" })),
		field("Folder", input("folder", { type: "text", placeholder: "/videos/2026" })),
		field("From day", input("after", { type: "date" })),
		field("To day", input("before", { type: "date" })),
		field("At least, seconds", input("min", { type: "number", min: 0, step: "any", inputmode: "decimal" })),
		field("At most, seconds", input("max", { type: "number", min: 0, step: "any", inputmode: "decimal" })),
		h("div", { class: "row" },
			h("label", { class: "check" }, h("input", { type: "checkbox", name: "brute", checked: Boolean(route.brute), onchange: (e) => set("brute", e.target.checked ? "1" : "") }), "Look at every window (slower, misses nothing)"),
			button("Reset", "undo", () => go({ ...route, ...Object.fromEntries(fields.map((k) => [k, undefined])) }), { className: "ghost small" })),
	);
	if (focus) panel.querySelector(`[name="${focus}"]`)?.focus();
}
