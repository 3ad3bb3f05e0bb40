// Signing in: a token is traded for a cookie that scripts cannot read, and forgotten.

import { $, cry, h } from "./dom.js";
import { signIn, signOut } from "./api.js";
import { on } from "./state.js";

/** startSession shows the form whenever the server asks for a token; then again() goes on. */
export function startSession(again) {
	addEventListener("tall:unauthorized", () => show(again));
	on("sign-out", async () => {
		await signOut().catch(() => {}); // an ended session is ended
		location.reload();
	});
}

function show(again) {
	const section = $("login");
	if (!section.hidden) return;
	const wrong = h("p", { class: "error-text", role: "alert", id: "token-error" });
	const field = h("input", { type: "password", name: "token", autocomplete: "current-password", required: true, spellcheck: false, "aria-describedby": "token-error", placeholder: "tall_…" });
	const submit = h("button", { type: "submit", class: "primary" }, "Sign in");
	const form = h("form", {
		onsubmit: async (e) => {
			e.preventDefault();
			submit.disabled = true;
			wrong.textContent = "";
			try {
				await signIn(field.value.trim());
				field.value = "";
				section.hidden = true;
				section.replaceChildren();
				frame(false);
				again();
			} catch (err) {
				wrong.textContent = err.status === 401 || err.status === 403 ? "This server does not know that token. Look for a missing character, or ask for a new one." : err.message;
				field.setAttribute("aria-invalid", "true");
				field.select();
				cry(wrong.textContent);
			} finally {
				submit.disabled = false;
			}
		},
	},
	h("h1", {}, "Sign in"),
	h("p", {}, "This library asks for a token. Whoever runs the server makes one with ", h("code", {}, "tall token new"), "."),
	h("label", { class: "field" }, "Token", field), wrong, submit);
	section.replaceChildren(form);
	section.hidden = false;
	frame(true);
	field.focus();
}

/** frame keeps the rest of the page out of reach meanwhile. */
function frame(locked) {
	for (const id of ["bar", "main"]) $(id).inert = locked;
}
