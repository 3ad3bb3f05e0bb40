// Times, sizes and names as people read them.

/** clock writes seconds as m:ss or h:mm:ss, with as many decimals as asked for. */
export function clock(seconds, decimals = 0) {
	const unit = 10 ** decimals;
	let ticks = Math.round(Math.max(0, seconds || 0) * unit);
	const fraction = ticks % unit;
	ticks = (ticks - fraction) / unit;
	const s = ticks % 60, m = Math.floor(ticks / 60) % 60, hours = Math.floor(ticks / 3600);
	const two = (n) => String(n).padStart(2, "0");
	const text = hours ? `${hours}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
	return decimals ? `${text}.${String(fraction).padStart(decimals, "0")}` : text;
}

/** range writes the times of a moment. */
export const range = (start, end) => `${clock(start, 1)} – ${clock(end, 1)}`;

/** spoken writes seconds for screen readers, which read "1:02" as a time of day. */
export function spoken(seconds) {
	const minutes = Math.floor(seconds / 60);
	const rest = Number((seconds - 60 * minutes).toFixed(2));
	if (!minutes) return `${rest} seconds`;
	return `${minutes} minute${minutes === 1 ? "" : "s"} ${rest} seconds`;
}

/** length writes how long something is, roughly. */
export function length(seconds) {
	if (seconds < 60) return `${Math.round(seconds)} s`;
	if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
	const hours = seconds / 3600;
	return `${hours < 10 ? hours.toFixed(1) : Math.round(hours).toLocaleString("en")} h`;
}

/** bytes writes a size in decimal units, as file managers do. */
export function bytes(n) {
	const units = ["B", "kB", "MB", "GB", "TB"];
	let i = 0;
	while (n >= 1000 && i < units.length - 1) [n, i] = [n / 1000, i + 1];
	return `${n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

/** day writes a date in the reader's own manner. */
export function day(text) {
	const d = new Date(text);
	return Number.isNaN(d.getTime()) ? "" : d.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

/** sure writes a confidence of 0 to 1, with the class that colors it. */
export function sure(hit, threshold) {
	const c = hit.confidence;
	if (c === null || c === undefined) return { text: `score ${Number(hit.score).toFixed(2)}`, level: "unknown" };
	const least = threshold > 0 ? threshold : 0.5; // below zero: the viewer wants to see everything
	const level = c >= Math.max(0.8, least) ? "high" : c >= least ? "middling" : "low";
	return { text: `${Math.round(100 * c)} %`, level };
}

/** count writes a number with its noun. */
export const count = (n, one, many = one + "s") => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
