// Adding videos, by path or as files, and the progress of the work on them.

import { $, button, h, icon, say, tool } from "./dom.js";
import { aborted, addPaths, jobs, upload } from "./api.js";
import { clock } from "./format.js";
import { app, canWrite, emit, go, on } from "./state.js";
import { dialog, toast } from "./dialogs.js";

const work = new Map(); // jobs by video and encoder
const uploads = new Set();
const queued = new Set(); // paths of ours whose fate an event will tell
let box, source;

/** activity is the list of what is being done, shown while there is anything. */
export function activity() {
	box = h("section", { class: "activity", hidden: true, "aria-label": "Work in progress" });
	return box;
}

/** startAdding wires dropping of files and the stream of jobs. */
export function startAdding() {
	on("add", open);
	on("library", listen);
	let depth = 0;
	const files = (e) => e.dataTransfer?.types.includes("Files");
	addEventListener("dragenter", (e) => files(e) && ++depth && ($("drop").hidden = !mayUpload()));
	addEventListener("dragleave", (e) => files(e) && --depth <= 0 && ($("drop").hidden = true));
	addEventListener("dragover", (e) => files(e) && e.preventDefault());
	addEventListener("drop", (e) => {
		if (!files(e)) return;
		e.preventDefault();
		depth = 0;
		$("drop").hidden = true;
		if (!mayUpload()) return toast("This server takes no uploads.", "bad");
		sendFiles([...e.dataTransfer.files]);
	});
	// A page that is not looked at keeps no connection open.
	document.addEventListener("visibilitychange", listen);
	addEventListener("pagehide", () => source?.close());
}

const mayUpload = () => Boolean(app.library?.uploads) && canWrite();

/** open asks for paths or files. */
function open() {
	if (!canWrite()) return toast("This token may search, not add videos.", "bad");
	const roots = app.library?.roots ?? [];
	const report = h("div", { role: "status" });
	const text = h("textarea", { name: "paths", rows: 3, placeholder: roots[0]?.path ?? "/videos", spellcheck: false });
	const file = h("input", { type: "file", multiple: true, accept: "video/*,.mkv,.avi,.ts", class: "sr", tabindex: -1, "aria-label": "Video files", onchange: () => {
		sendFiles([...file.files]);
		el.close();
	} });
	const form = h("form", {
		class: "dialog-body", style: { padding: "0" },
		onsubmit: async (e) => {
			e.preventDefault();
			const paths = text.value.split("\n").map((p) => p.trim()).filter(Boolean);
			if (!paths.length) return text.focus();
			report.replaceChildren(h("span", { class: "spinner", role: "img", "aria-label": "Adding" }));
			try {
				if (told(await addPaths(paths), report)) {
					el.close();
					go({ view: "library" });
				}
			} catch (err) {
				report.replaceChildren(h("p", { class: "error-text" }, err.message));
			}
		},
	},
	h("label", { class: "field" }, "Files or folders on the server, one a line", text),
	roots.length ? h("p", { class: "muted" }, "Within: ", roots.map((r, i) => [i ? ", " : "", h("code", {}, r.path)])) : h("p", { class: "muted" }, "The server names no folders that it may read (flag --root); upload files instead."),
	report,
	h("div", { class: "dialog-foot" },
		mayUpload() && [file, button("Choose files to upload…", "share", () => file.click())],
		h("button", { type: "submit", class: "primary" }, "Add")));
	const el = dialog("Add videos", form);
	text.focus();
}

/** expect notes what was not looked at yet. */
const expect = (added) => added.forEach((a) => a?.what === "queued" && queued.add(a.path));

/** told shows what became of each path; it tells whether all went well. */
function told(answer, report) {
	const added = answer?.added ?? [];
	const bad = added.filter((a) => a.error);
	expect(added);
	report.replaceChildren(...bad.map((a) => h("p", { class: "error-text" }, `${a.path}: ${a.error}`)));
	const good = added.length - bad.length, old = added.filter((a) => a.what === "known" || a.what === "copy").length;
	if (good) {
		toast(old === good ? "Already in the library." : good === 1 ? "1 video is being read." : `${good - old} videos are being read.`);
		emit("stale");
	} else if (!bad.length) {
		report.replaceChildren(h("p", { class: "error-text" }, "There was no video in what was named."));
	}
	return good > 0 && !bad.length;
}

/** sendFiles uploads, one file at a time. */
async function sendFiles(files) {
	if (!files.length) return;
	go({ view: "library" });
	const waiting = files.map((file) => {
		const u = { name: file.name, share: 0, file };
		uploads.add(u);
		return u;
	});
	draw();
	for (const u of waiting) {
		if (!uploads.has(u)) continue; // taken back
		try {
			const { answer, stop } = upload(u.file, (share) => {
				u.share = share;
				u.bar && (u.bar.style.width = `${100 * share}%`);
			});
			u.stop = stop;
			const result = (await answer)?.added?.[0];
			if (result?.error) throw new Error(result.error);
			expect([result]);
			uploads.delete(u);
			emit("stale");
		} catch (err) {
			uploads.delete(u);
			if (!aborted(err)) toast(`${u.name}: ${err.message}`, "bad");
		}
		draw();
	}
}

/** listen keeps one stream of job events while the page is seen. */
function listen() {
	if (document.hidden || !app.library) {
		source?.close();
		source = undefined;
		return;
	}
	if (source && source.readyState !== EventSource.CLOSED) return;
	source = new EventSource("/api/v1/events");
	source.addEventListener("open", ask);
	source.addEventListener("library", () => { // videos were added, or removed
		ask();
		emit("stale");
	});
	source.addEventListener("added", (e) => {
		const a = JSON.parse(e.data);
		if (queued.delete(a.path) && a.error) toast(`${a.path}: ${a.error}`, "bad");
	});
	source.addEventListener("job", (e) => {
		note(JSON.parse(e.data));
		later();
	});
}

/** ask asks what there is to do; the stream tells what is done. */
async function ask() {
	try {
		const now = await jobs();
		work.clear();
		now.jobs.forEach(note);
		draw();
	} catch {
		// It is asked again when the library changes.
	}
}

function note(job) {
	const key = `${job.video} ${job.encoder}`;
	if (job.state === "ready" || job.state === "missing") {
		if (work.delete(key) && job.state === "ready") say(`${name(job.path)} is ready`);
		emit("stale");
	} else {
		work.set(key, job);
		if (job.state === "failed") emit("stale");
	}
}

const name = (path) => (path ?? "").split(/[\\/]/).pop();

let frame;
function later() {
	frame ??= setTimeout(() => {
		frame = undefined;
		draw();
	}, 100);
}

/** draw shows uploads, then what is being read, then how many wait. */
function draw() {
	const all = [...work.values()];
	const busy = all.filter((j) => j.state === "working"), waiting = all.filter((j) => j.state === "waiting"), failed = all.filter((j) => j.state === "failed");
	$("working").hidden = !busy.length && !waiting.length && !uploads.size;
	const rows = [...uploads].map((u) => {
		u.bar = h("i", { style: { width: `${100 * u.share}%` } });
		return h("div", { class: "job" }, h("span", {}, u.name), h("span", {}, "uploading ", tool(`Stop uploading ${u.name}`, "close", () => {
			uploads.delete(u);
			u.stop?.();
			draw();
		}, { className: "small" })), h("div", { class: "progress" }, u.bar));
	});
	for (const j of busy.slice(0, 6)) {
		const share = j.total > 0 ? j.done / j.total : 0;
		rows.push(h("div", { class: "job" }, h("span", {}, name(j.path)), h("span", {}, `${j.encoder} · ${clock(j.done)} of ${clock(j.total)}`),
			h("div", { class: "progress", role: "progressbar", "aria-label": name(j.path), "aria-valuenow": Math.round(100 * share), "aria-valuemin": 0, "aria-valuemax": 100 }, h("i", { style: { width: `${100 * share}%` } }))));
	}
	// The list of jobs ends somewhere; the library counts them all.
	const rest = Math.max(waiting.length, work.size < 200 ? 0 : app.library.states.waiting ?? 0) + Math.max(0, busy.length - 6);
	if (rest) rows.push(h("p", { class: "muted" }, `${rest.toLocaleString("en")} more waiting`));
	for (const j of failed.slice(-3)) rows.push(h("div", { class: "job" }, h("span", {}, icon("close"), name(j.path)), h("span", {}, "set aside"), h("p", { class: "error-text" }, j.reason ?? "")));
	box.hidden = !rows.length;
	box.replaceChildren(h("h3", {}, "In progress"), ...rows);
}

