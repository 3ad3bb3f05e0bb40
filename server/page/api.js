// The HTTP API (see /openapi.json). Every call may be aborted; errors are Problems, which
// carry what the server said (RFC 9457).

/** Problem is an answer that tells what went wrong; status 0: there was no answer. */
export class Problem extends Error {
	constructor(status, title, detail) {
		super(detail || title);
		this.name = "Problem";
		this.status = status;
	}
}

/** aborted tells that a call ended because nobody wants its answer any more. */
export const aborted = (err) => err?.name === "AbortError";

async function problem(response) {
	let body = {};
	try {
		body = await response.json();
	} catch {
		// Whatever stands between us and the server may answer otherwise; the status is left.
	}
	const details = (body.errors ?? []).map((e) => e.message).filter(Boolean).join("; ");
	const text = [body.detail, details].filter(Boolean).join(": ");
	if (response.status === 401) dispatchEvent(new CustomEvent("tall:unauthorized"));
	return new Problem(response.status, body.title || response.statusText, text);
}

async function send(path, { method = "GET", body, signal, accept = "application/json" } = {}) {
	const init = { method, signal, headers: { Accept: accept }, credentials: "same-origin" };
	if (body !== undefined) {
		init.headers["Content-Type"] = "application/json";
		init.body = JSON.stringify(body);
	}
	let response;
	try {
		response = await fetch(path, init);
	} catch (err) {
		if (aborted(err)) throw err;
		throw new Problem(0, "The server does not answer", "The server does not answer. Is it still running?");
	}
	if (!response.ok) throw await problem(response);
	return response;
}

async function json(path, options) {
	const response = await send(path, options);
	return response.status === 204 ? null : response.json();
}

const video = (id, rest = "") => `/api/v1/videos/${encodeURIComponent(id)}${rest}`;

/** query writes parameters, leaving out what is not set. */
export function params(values) {
	const p = new URLSearchParams();
	for (const [k, v] of Object.entries(values)) if (v !== undefined && v !== null && v !== "") p.set(k, v);
	return p.toString();
}

export const library = (signal) => json("/api/v1/library", { signal });
export const videos = (filter, signal) => json(`/api/v1/videos?${params(filter)}`, { signal });
export const oneVideo = (id, signal) => json(video(id), { signal });
export const removeVideo = (id) => json(video(id), { method: "DELETE" });
export const addPaths = (paths) => json("/api/v1/videos", { method: "POST", body: { paths } });
export const curve = (id, query, signal) => json(video(id, "/curve"), { method: "POST", body: query, signal });
export const jobs = (signal) => json("/api/v1/jobs", { signal });
export const feedback = (body) => json("/api/v1/feedback", { method: "POST", body });
export const signIn = (token) => json("/api/v1/session", { method: "POST", body: { token } });
export const signOut = () => json("/api/v1/session", { method: "DELETE" });
export const sprite = (id, signal) => json(video(id, "/sprite.json"), { signal });

export const fileURL = (id) => video(id, "/file");
export const spriteURL = (id) => video(id, "/sprite");
export const thumbnailURL = (id, at, width) => video(id, `/thumbnail?${params({ at: Math.max(0, at).toFixed(2), width })}`);

/** search yields answers as they come: candidates first, then results. */
export async function* search(query, signal) {
	const response = await send("/api/v1/search", { method: "POST", body: query, signal, accept: "text/event-stream" });
	if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
		yield await response.json();
		return;
	}
	for await (const { event, data } of events(response.body)) {
		const value = JSON.parse(data);
		if (event === "problem") throw new Problem(value.status ?? 500, value.title ?? "The search failed", value.detail ?? value.message);
		yield value;
	}
}

/** events reads server-sent events from the body of an answer (EventSource cannot POST). */
async function* events(body) {
	const reader = body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	for (;;) {
		const { value, done } = await reader.read();
		rest += (value ?? "").replaceAll("\r\n", "\n");
		for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
			const one = { event: "message", data: [] };
			for (const line of rest.slice(0, end).split("\n")) {
				const [, field, text] = /^(event|data): ?(.*)$/.exec(line) ?? [];
				if (field === "event") one.event = text;
				if (field === "data") one.data.push(text);
			}
			if (one.data.length) yield { event: one.event, data: one.data.join("\n") };
		}
		if (done) return;
	}
}

/** download fetches an attachment, so that an error can be told, and hands it to the browser. */
async function download(path, options, name) {
	const response = await send(path, { accept: "*/*", ...options });
	const [, coded, plain] = /filename(?:\*=utf-8''(.+)|="?(.+?)"?$)/.exec(response.headers.get("Content-Disposition") ?? "") ?? [];
	const url = URL.createObjectURL(await response.blob());
	const a = document.createElement("a");
	a.href = url;
	a.download = coded ? decodeURIComponent(coded) : plain ?? name;
	document.body.append(a);
	a.click();
	a.remove();
	setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still be writing it
}

export const downloadClip = (id, start, end) => download(video(id, `/clip?${params({ start: start.toFixed(3), end: end.toFixed(3), exact: true })}`), {}, "moment.mp4");
export const downloadExport = (body) => download("/api/v1/export", { method: "POST", body }, `moments.${body.format}`);
export const downloadAnnotations = () => download("/api/v1/annotations", {}, "annotations.jsonl");

/** upload sends a file; progress is told as a share of 1. It returns the answer and a way to stop. */
export function upload(file, progress) {
	const request = new XMLHttpRequest(); // fetch tells no progress of what it sends
	const answer = new Promise((resolve, reject) => {
		request.open("POST", `/api/v1/uploads?${params({ name: file.name })}`);
		request.setRequestHeader("Content-Type", "application/octet-stream");
		request.responseType = "json";
		request.upload.onprogress = (e) => e.lengthComputable && progress(e.loaded / e.total);
		request.onload = () => {
			if (request.status < 300) return resolve(request.response);
			reject(new Problem(request.status, request.statusText, request.response?.detail));
		};
		request.onerror = () => reject(new Problem(0, "", "The upload broke off. A file may be larger than the server takes."));
		request.onabort = () => reject(new DOMException("stopped", "AbortError"));
		request.send(file);
	});
	return { answer, stop: () => request.abort() };
}
