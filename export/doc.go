// Package export writes moments as EDL, CSV, SRT, WebVTT, FCPXML and JSON.
package export
