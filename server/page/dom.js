// Elements, icons, and what is said to screen readers. Text gets into the page through
// text nodes and attributes alone: nothing that comes from a server or a file name is ever
// read as HTML.

/** Shapes of the icons, on a grid of 24 by 24; a leading "!" asks for filling. */
const shapes = {
	play: "!M8 5.2v13.6c0 .8.9 1.3 1.6.8l10-6.8a1 1 0 0 0 0-1.6l-10-6.8C8.9 3.9 8 4.4 8 5.2Z",
	pause: "!M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
	back: "M15 6l-6 6 6 6",
	forward: "M9 6l6 6-6 6",
	loop: "M4 11V9.5A3.5 3.5 0 0 1 7.5 6H19m0 0-3-3m3 3-3 3M20 13v1.5a3.5 3.5 0 0 1-3.5 3.5H5m0 0 3 3m-3-3 3-3",
	sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4ZM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
	mute: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4ZM16 9.5l5 5m0-5-5 5",
	full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
	close: "M6 6l12 12M18 6 6 18",
	link: "M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3L11.7 6.6M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1.3-1.3",
	save: "M12 4v11m0 0-4.5-4.5M12 15l4.5-4.5M4 16.5v2A1.5 1.5 0 0 0 5.5 20h13a1.5 1.5 0 0 0 1.5-1.5v-2",
	share: "M12 15V4m0 0L7.5 8.5M12 4l4.5 4.5M4 15v3.5A1.5 1.5 0 0 0 5.5 20h13a1.5 1.5 0 0 0 1.5-1.5V15",
	like: "M4 6.5h9M4 12h6M4 17.5h5M17 11.5v8M13 15.5h8",
	check: "M5 12.5l4.5 4.5L19 7.5",
	undo: "M4 9h10.5a5 5 0 0 1 0 10H9M4 9l4-4M4 9l4 4",
	trash: "M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 11.5A1.5 1.5 0 0 0 8.8 20h6.4a1.5 1.5 0 0 0 1.5-1.5L17.5 7M10 10.5v6M14 10.5v6",
	search: "M17.5 11a6.5 6.5 0 1 1-13 0 6.5 6.5 0 0 1 13 0ZM16 16l4.5 4.5",
	plus: "M12 5v14M5 12h14",
	minus: "M5 12h14",
	fit: "M4 8v8M20 8v8M7 12h10M7 12l2.5-2.5M7 12l2.5 2.5M17 12l-2.5-2.5M17 12l-2.5 2.5",
	sun: "M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
	moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
	auto: "M12 4a8 8 0 1 0 0 16ZM12 4a8 8 0 0 1 0 16",
	film: "M5.5 5h13A1.5 1.5 0 0 1 20 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.5v-11A1.5 1.5 0 0 1 5.5 5ZM8 5v14M16 5v14",
	exit: "M14 5H6.5A1.5 1.5 0 0 0 5 6.5v11A1.5 1.5 0 0 0 6.5 19H14M11 12h10m0 0-3.5-3.5M21 12l-3.5 3.5",
};

const SVG = "http://www.w3.org/2000/svg";

/** icon makes a picture that screen readers pass over. */
export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	const shape = shapes[name];
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("aria-hidden", "true");
	svg.setAttribute("class", shape[0] === "!" ? "icon fill" : "icon");
	const path = document.createElementNS(SVG, "path");
	path.setAttribute("d", shape.replace(/^!/, ""));
	svg.append(path);
	return svg;
}

/**
 * h makes an element. Properties that begin with "on" are listeners, `style` is an object
 * (set through the CSSOM, which the content policy allows), false and null are left out,
 * true stands for an attribute without a value; the rest are attributes.
 */
export function h(tag, props, ...children) {
	const el = document.createElement(tag);
	for (const [key, value] of Object.entries(props ?? {})) {
		if (value === null || value === undefined || value === false) continue;
		if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
		else if (key === "style") Object.assign(el.style, value);
		else if (key === "value") el.value = value;
		else el.setAttribute(key, value === true ? "" : value);
	}
	el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
	return el;
}

/** button makes a button that says what it does; with `only`, as a picture alone. */
export function button(label, name, onclick, { only = false, className = "", ...props } = {}) {
	return h("button", {
		type: "button", class: className, onclick, ...props,
		...(only ? { "aria-label": label, title: label } : {}),
	}, name && icon(name), !only && h("span", {}, label));
}

/** tool is a button that shows a picture alone; screen readers and tooltips say what it does. */
export const tool = (label, name, onclick, { className = "", ...props } = {}) => button(label, name, onclick, { only: true, className: `ghost square ${className}`, ...props });

/** $ is an element of the page's frame. */
export const $ = (id) => document.getElementById(id);

/** setIcon replaces the picture of a button. */
export function setIcon(el, name) {
	el.querySelector("svg")?.remove();
	el.prepend(icon(name));
}

/** plain tells that a click is for this page, not for another tab. */
export function plain(e) {
	if (e.metaKey || e.ctrlKey || e.shiftKey || e.button) return false;
	e.preventDefault();
	return true;
}

/** say tells screen readers what has changed, without taking the focus. */
export function say(text) {
	$("status").textContent = text;
}

/** cry interrupts a screen reader: for what went wrong. */
export function cry(text) {
	$("alert").textContent = text;
}

/** typing tells whether keys belong to a field at present. */
export function typing(target) {
	return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}

/** calm is whether motion is to be kept down. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** color resolves a variable of the design system, for canvases. */
export function color(name) {
	const probe = h("i", { hidden: true, style: { color: `var(${name})` } });
	document.body.append(probe);
	const value = getComputedStyle(probe).color;
	probe.remove();
	return value;
}
