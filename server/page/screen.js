// The screen: a video, or, where the browser cannot play it, its pictures one at a time
// behind the same clock. It loops a span without waiting for the coarse timeupdate event.

import { button, h, icon } from "./dom.js";
import { fileURL, thumbnailURL } from "./api.js";

/** Screen has one clock, in seconds; onTime hears every change of it, onState of playing. */
export class Screen {
	constructor({ onTime, onState }) {
		this.onTime = onTime;
		this.onState = onState;
		this.info = null; // the Video shown
		this.wanted = null; // where a seek leads that has not arrived
		this.span = null; // what is looped
		this.looping = true;
		this.inside = false; // whether playing began within the span; a viewer who leaves it is let go
		this.video = h("video", {
			playsinline: true, preload: "auto", "aria-label": "Video",
			onclick: () => this.toggle(),
			onloadedmetadata: () => this.wanted !== null && (this.video.currentTime = this.wanted),
			onseeked: () => this.arrive(),
			ontimeupdate: () => this.tick(),
			onplay: () => this.run(),
			onpause: () => this.state(),
			onended: () => this.wrap() || this.state(),
			onerror: () => this.info && this.video.hasAttribute("src") && this.broken(),
		});
		this.still = h("img", { alt: "", hidden: true, onload: () => this.stillDone(), onerror: () => this.stillDone() });
		this.caption = h("p", { class: "caption", role: "status", hidden: true });
		this.big = button("Play", "play", () => this.toggle(), { only: true, className: "big", tabindex: -1, "aria-hidden": "true" });
		this.el = h("div", { class: "screen paused" }, this.video, this.still, this.caption, this.big);
	}

	/** load shows a video from a time on. */
	load(info, at) {
		const cover = this.video.poster; // what a card shows is there at once
		this.unload();
		this.video.poster = cover;
		this.info = info;
		this.fps = info.fps_num > 0 && info.fps_den > 0 ? info.fps_num / info.fps_den : 25;
		this.wanted = at;
		this.video.poster ||= thumbnailURL(info.id, at, 960);
		this.el.style.aspectRatio = info.width && info.height ? `${info.width} / ${info.height}` : "";
		if (info.playable === false) {
			this.pictures("This browser cannot play the file's format. Its pictures are shown instead; moments can be searched, corrected and cut all the same.");
		} else {
			this.video.src = fileURL(info.id);
		}
		this.onTime(at);
		this.state();
	}

	/** cover shows a picture while nothing is known of the video yet. */
	cover(src) {
		if (src) this.video.poster = src;
	}

	/** unload lets go of the file, so that the server need not keep it open. */
	unload() {
		this.info = null;
		this.wanted = this.span = null;
		this.caption.hidden = true;
		this.still.hidden = true;
		this.still.removeAttribute("src"); // which tells nobody of its end
		this.stillBusy = this.stillNext = undefined;
		this.video.hidden = false;
		this.video.pause();
		if (this.video.hasAttribute("src")) {
			this.video.removeAttribute("src");
			this.video.load();
		}
		this.video.removeAttribute("poster");
	}

	broken() {
		const code = this.video.error?.code;
		this.pictures(code === MediaError.MEDIA_ERR_NETWORK
			? "The connection broke off, or the file has gone. Pictures are shown where there are any."
			: "This browser cannot play the file. Its pictures are shown instead.");
	}

	pictures(why) {
		this.video.hidden = true;
		this.still.hidden = false;
		this.still.alt = "A picture of the video at the current time";
		this.caption.textContent = why;
		this.caption.hidden = false;
		this.big.hidden = true;
		this.loadStill(this.time);
	}

	/** loadStill asks for one picture at a time, the last wanted next. */
	loadStill(at) {
		if (this.stillBusy) {
			this.stillNext = at;
			return;
		}
		this.stillBusy = true;
		this.still.src = thumbnailURL(this.info.id, at, 960);
	}

	stillDone() {
		this.stillBusy = false;
		const next = this.stillNext;
		this.stillNext = undefined;
		if (next !== undefined && this.info && !this.still.hidden) this.loadStill(next);
	}

	get plays() {
		return this.video.hidden === false;
	}

	get time() {
		return this.wanted ?? this.video.currentTime;
	}

	get duration() {
		return this.info?.duration || this.video.duration || 0;
	}

	/** seek goes to a time; while one seek is on its way only the last wish is kept. */
	seek(t) {
		if (!this.info) return;
		// The very end shows no frame.
		const at = Math.max(0, Math.min(t, this.duration - 0.5 / this.fps));
		this.inside = this.span !== null && at >= this.span.start - 0.05 && at < this.span.end;
		const idle = this.wanted === null;
		this.wanted = at;
		if (!this.plays) this.loadStill(at);
		else if (idle && this.video.readyState > 0) this.video.currentTime = at;
		this.onTime(at);
	}

	arrive() {
		if (this.wanted === null) return;
		if (Math.abs(this.video.currentTime - this.wanted) > 0.001) {
			this.video.currentTime = this.wanted;
			return;
		}
		this.wanted = null;
		this.tick();
	}

	/** step goes n frames on, to the middle of a frame: its borders round either way. */
	step(n) {
		this.pause();
		const frame = Math.floor(this.time * this.fps + 0.01);
		this.seek((Math.max(0, frame + n) + 0.5) / this.fps);
	}

	/** setSpan chooses what is looped; null is nothing. */
	setSpan(span) {
		this.span = span;
		this.inside = span !== null && this.time >= span.start - 0.05 && this.time < span.end;
	}

	setLooping(on) {
		this.looping = on;
		this.setSpan(this.span);
		this.state();
	}

	get playing() {
		return this.plays && !this.video.paused && !this.video.ended;
	}

	play() {
		if (!this.info || !this.plays) return;
		// Browsers may forbid playing before the first click; then the picture waits.
		this.video.play().catch(() => this.state());
	}

	pause() {
		this.video.pause();
	}

	toggle() {
		if (this.playing) this.pause();
		else {
			// Playing on from the end of the moment begins it again.
			if (this.looping && this.span && this.time >= this.span.end - 1.5 / this.fps && this.time <= this.span.end + 0.05) this.seek(this.span.start);
			this.play();
		}
	}

	/** wrap begins the span again, where it is looped. */
	wrap() {
		if (!this.looping || !this.inside || !this.span) return false;
		this.seek(this.span.start);
		this.play();
		return true;
	}

	run() {
		this.state();
		const frame = () => {
			if (!this.playing) return;
			this.tick();
			requestAnimationFrame(frame);
		};
		requestAnimationFrame(frame);
	}

	tick() {
		if (!this.info || this.wanted !== null) return;
		const t = this.video.currentTime;
		if (this.playing && this.span) {
			if (t >= this.span.end - 0.5 / this.fps) {
				if (this.inside && this.looping) this.wrap();
				this.inside = this.inside && this.looping;
			} else if (t >= this.span.start) {
				this.inside = true;
			}
		}
		this.onTime(this.time);
	}

	state() {
		this.el.classList.toggle("paused", this.plays && !this.playing);
		this.big.hidden = !this.plays;
		this.big.replaceChildren(icon("play"));
		this.onState({ playing: this.playing, muted: this.video.muted, looping: this.looping });
	}

	mute() {
		this.video.muted = !this.video.muted;
		this.state();
	}

	async full() {
		if (document.fullscreenElement) await document.exitFullscreen();
		else await this.el.requestFullscreen?.().catch(() => {});
	}
}
