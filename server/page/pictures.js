// Thumbnails, a few at a time. A browser keeps six connections to a server, and pictures
// that have to be made first could hold all of them: videos and answers would wait.

const most = 3;

const wanted = new Map(); // sources of pictures that are on the screen and not yet asked for
let busy = 0;

const seen = new IntersectionObserver((entries) => {
	for (const { target, isIntersecting } of entries) {
		if (isIntersecting && target.getAttribute("src") !== target.dataset.src) wanted.set(target, target.dataset.src);
		else wanted.delete(target);
	}
	pump();
}, { rootMargin: "160px" });

/** picture shows a source in an image, once the image is on the screen and it is its turn. */
export function picture(img, src) {
	if (img.dataset.src === src) return;
	img.dataset.src = src;
	seen.unobserve(img); // observing anew tells again where it is
	seen.observe(img);
}

/** pump asks for pictures; those wanted last are what is looked at now. */
function pump() {
	while (busy < most && wanted.size) {
		const [img, src] = [...wanted].at(-1);
		wanted.delete(img);
		if (!img.isConnected) continue;
		busy++;
		const done = () => {
			img.removeEventListener("load", done);
			img.removeEventListener("error", done);
			busy--;
			pump();
		};
		img.addEventListener("load", done);
		img.addEventListener("error", done);
		img.setAttribute("src", src);
	}
}
