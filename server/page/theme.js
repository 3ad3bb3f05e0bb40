// Runs before the first paint, so that a chosen theme never flashes: it is the only script
// that is no module.
"use strict";
try {
	const theme = localStorage.getItem("tall.theme");
	if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
	// Storage may be forbidden; then the system decides.
}
