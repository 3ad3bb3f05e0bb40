// Results as cards. A card is a link, so that it can be opened in another tab; cards of the
// same moment are kept from one answer to the next, and what moves glides.

import { $, calm, h, icon, plain } from "./dom.js";
import { thumbnailURL } from "./api.js";
import { clock, range, spoken, sure } from "./format.js";
import { go, hash, on, onlySearch, route } from "./state.js";
import { picture } from "./pictures.js";

const cards = new Map(); // by key, in the order shown
const verdicts = new Map(); // by span, what was said of a moment

/** spanKey names a moment. */
export const spanKey = (hit) => `${hit.video}@${hit.start.toFixed(2)}-${hit.end.toFixed(2)}`;

/** clearCards shows none. */
export function clearCards() {
	cards.clear();
	$("cards").replaceChildren();
}

/** skeletons hold the place of cards that are on their way. */
export function skeletons(n = 6) {
	cards.clear();
	$("cards").replaceChildren(...Array.from({ length: n }, () => h("li", { class: "card", "aria-hidden": "true" },
		h("div", { class: "shot skeleton" }), h("div", { class: "skeleton", style: { height: "14px", width: "70%" } }), h("div", { class: "skeleton", style: { height: "12px", width: "45%" } }))));
}

/** target is where a card leads. */
const target = (hit) => ({ ...onlySearch(route), v: hit.video, t: hit.start.toFixed(2) });

/**
 * showCards shows an answer. A card belongs to the n-th moment of its video, so that the
 * localizer's better boundaries change a candidate's card in place.
 */
export function showCards(hits, { threshold, rough }) {
	const list = $("cards");
	const before = new Map([...cards].map(([key, c]) => [key, c.root.getBoundingClientRect()]));
	const seen = new Map();
	const next = hits.map((hit, i) => {
		const n = seen.get(hit.video) ?? 0;
		seen.set(hit.video, n + 1);
		const key = `${hit.video}#${n}`;
		const card = cards.get(key) ?? make();
		fill(card, hit, i, threshold, rough);
		return [key, card];
	});
	cards.clear();
	for (const [key, card] of next) cards.set(key, card);
	const roots = next.map(([, c]) => c.root);
	if (roots.length !== list.children.length || roots.some((r, i) => list.children[i] !== r)) {
		const focused = document.activeElement; // moving an element takes its focus away
		list.replaceChildren(...roots);
		if (list.contains(focused)) focused.focus({ preventScroll: true });
	}
	if (calm()) return;
	for (const [key, card] of next) {
		const was = before.get(key), is = card.root.getBoundingClientRect();
		if (was && (was.left !== is.left || was.top !== is.top)) {
			card.root.animate([{ transform: `translate(${was.left - is.left}px, ${was.top - is.top}px)` }, { transform: "none" }], { duration: 220, easing: "cubic-bezier(.2,.7,.3,1)" });
		}
	}
}

function make() {
	const c = {
		img: h("img", { alt: "", decoding: "async", class: "pending" }),
		blank: h("span", { class: "blank", hidden: true }, icon("film")),
		rank: h("span", { class: "rank", "aria-hidden": "true" }),
		at: h("span", { class: "at" }),
		name: h("span", {}), sure: h("span", { class: "sure" }), times: h("span", {}), long: h("span", {}),
		mini: h("div", { class: "mini", "aria-hidden": "true" }),
	};
	const settle = (broken) => {
		c.img.classList.toggle("pending", broken);
		c.blank.hidden = !broken;
	};
	c.img.addEventListener("load", () => settle(false));
	c.img.addEventListener("error", () => settle(true));
	c.link = h("a", {
		class: "card-link",
		onclick: (e) => plain(e) && go(target(c.hit)),
	},
	h("div", { class: "shot" }, c.img, c.blank, c.rank, c.at), c.mini,
	h("div", { class: "card-name" }, c.name, c.sure),
	h("div", { class: "card-facts" }, c.times, c.long));
	c.root = h("li", { class: "card" }, c.link);
	return c;
}

function fill(c, hit, i, threshold, rough) {
	c.hit = hit;
	const s = sure(hit, threshold);
	// A third into the moment shows more of it than its very beginning does.
	const src = thumbnailURL(hit.video, hit.start + (hit.end - hit.start) / 3, 480);
	picture(c.img, src);
	c.rank.textContent = i + 1;
	c.at.textContent = clock(hit.start);
	c.name.textContent = hit.name;
	c.sure.textContent = s.text;
	c.sure.className = `sure ${s.level}`;
	c.times.textContent = range(hit.start, hit.end);
	c.long.textContent = `of ${clock(hit.duration)}`;
	const spans = hit.parts?.length > 1 ? hit.parts : [hit];
	c.mini.replaceChildren(...spans.map((p) => {
		const left = Math.min(98, (100 * p.start) / hit.duration), width = Math.max(1, (100 * (p.end - p.start)) / hit.duration);
		return h("i", { style: { left: `${left}%`, width: `${Math.min(width, 100 - left)}%` } });
	}));
	c.link.setAttribute("href", hash(target(hit)));
	c.link.setAttribute("aria-label", `${i + 1}: ${hit.name}, from ${spoken(hit.start)} to ${spoken(hit.end)}${rough ? "" : `, ${s.level === "unknown" ? s.text : `confidence ${s.text}`}`}`);
	c.root.classList.toggle("wrong", verdicts.get(spanKey(hit)) === "wrong");
}

/** markCurrent marks the card of the moment that is being watched. */
export function markCurrent(r) {
	for (const c of cards.values()) {
		const here = c.hit.video === r.v && Math.abs(c.hit.start - Number(r.t ?? -1)) < 0.02;
		c.root.classList.toggle("current", here);
		if (here) c.link.setAttribute("aria-current", "true");
		else c.link.removeAttribute("aria-current");
	}
}

/** step moves the focus by n cards, from the one that has it or is being watched. */
export function step(n) {
	const all = [...cards.values()];
	if (!all.length) return;
	let at = all.findIndex((c) => c.root.contains(document.activeElement));
	if (at < 0) at = all.findIndex((c) => c.root.classList.contains("current"));
	const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? (n > 0 ? 0 : all.length - 1) : at + n))];
	next.link.focus();
	next.root.scrollIntoView({ block: "nearest" });
}

on("verdict", (hit, verdict) => {
	verdicts.set(spanKey(hit), verdict);
	for (const c of cards.values()) c.root.classList.toggle("wrong", verdicts.get(spanKey(c.hit)) === "wrong");
});
