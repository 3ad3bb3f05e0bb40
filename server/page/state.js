// What the page shows, kept in the URL's hash: a link restores query, video and time. The
// hash never reaches a server or its logs, and no token is ever part of it.

/** Names in the hash. Those of `search` make the query; a change of one asks again. */
const search = ["q", "like", "e", "l", "top", "thr", "brute", "in", "folder", "name", "after", "before", "min", "max"];
const names = ["view", ...search, "v", "t"];

/** route is what is shown now; go changes it. */
export let route = {};

/** app is what the server said of itself, from /api/v1/library. */
export const app = { library: null };

/** can tells whether this visitor may change anything. */
export const canWrite = () => app.library === null || !app.library.scopes?.length || app.library.scopes.includes("write");

/** canJudge: a judgment is about a sentence, which a search by example lacks. */
export const canJudge = () => canWrite() && app.library?.feedback !== false && Boolean(route.q);

const listeners = new Map();

/** on hears of an event of the page; emit tells. */
export function on(name, f) {
	listeners.set(name, [...(listeners.get(name) ?? []), f]);
}

export function emit(name, ...values) {
	for (const f of listeners.get(name) ?? []) f(...values);
}

/** parse reads a hash; what it does not know is left out. */
export function parse(hash) {
	const p = new URLSearchParams(hash.replace(/^#/, ""));
	const out = {};
	for (const name of names) if (p.get(name)) out[name] = p.get(name);
	return out;
}

/** hash writes a route. */
export function hash(r) {
	const p = new URLSearchParams();
	for (const name of names) if (r[name] !== undefined && r[name] !== null && r[name] !== "") p.set(name, r[name]);
	return `#${p}`;
}

/** go shows something else; `quiet` replaces the entry of the history and tells nobody. */
export function go(next, { replace = false, quiet = false } = {}) {
	const before = route;
	route = next;
	if (hash(next) !== location.hash) {
		history[replace || quiet ? "replaceState" : "pushState"](null, "", hash(next));
	}
	if (!quiet) emit("route", route, before);
}

/** watch follows the browser's own moves through the history, and begins with the URL as it is. */
export function watch() {
	const follow = () => {
		const next = parse(location.hash);
		if (hash(next) === hash(route)) return;
		const before = route;
		route = next;
		emit("route", route, before);
	};
	addEventListener("popstate", follow);
	addEventListener("hashchange", follow);
	route = parse(location.hash);
	emit("route", route, {});
}

/** asks tells whether a route holds a query. */
export const asks = (r) => Boolean(r.q || r.like);

/** sameSearch tells whether two routes ask the same. */
export const sameSearch = (a, b) => search.every((name) => (a[name] ?? "") === (b[name] ?? ""));

/** onlySearch is a route without what is being watched. */
export const onlySearch = (r) => Object.fromEntries(search.filter((n) => r[n] !== undefined).map((n) => [n, r[n]]));

const number = (text) => (text === undefined || text === "" ? undefined : Number(text));

/** request is the body that asks the server for a route's query. */
export function request(r) {
	const body = { encoder: r.e, localizer: r.l, top: number(r.top) ?? 12, threshold: number(r.thr), brute: r.brute ? true : undefined };
	if (r.q) body.query = r.q;
	const like = /^(.+)@([\d.]+)-([\d.]+)$/.exec(r.like ?? "");
	if (like) body.like = { id: like[1], start: Number(like[2]), end: Number(like[3]) };
	const filter = {
		ids: r.in ? [r.in] : undefined, folder: r.folder, text: r.name,
		after: r.after && `${r.after}T00:00:00Z`, before: r.before && `${r.before}T23:59:59Z`,
		min_length: number(r.min), max_length: number(r.max),
	};
	if (Object.values(filter).some((v) => v !== undefined && v !== "")) body.filter = filter;
	return body;
}

/** sentenceOf is what a moment is called in exports and to people. */
export const sentenceOf = (r) => r.q || (r.like ? "like another moment" : "");

/** engine is the encoder that a route asks, as the server described it. */
export const engine = (r) => app.library?.engines?.find((e) => e.name === r.e) ?? app.library?.engines?.[0];

/** remember keeps a choice on this machine; storage may be forbidden. */
export function remember(key, value) {
	try {
		if (value === undefined) localStorage.removeItem(`tall.${key}`);
		else localStorage.setItem(`tall.${key}`, value);
	} catch {
		// Then it lasts as long as the page.
	}
}

export function recall(key) {
	try {
		return localStorage.getItem(`tall.${key}`) ?? undefined;
	} catch {
		return undefined;
	}
}
