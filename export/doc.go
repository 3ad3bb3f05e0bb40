// Package export writes moments for other programs: CMX3600 EDL and FCPXML for video
// editors, SubRip and WebVTT subtitles for players, CSV for tables, JSON for scripts.
//
// Times come in as seconds from the beginning of a video. Editors count frames, so for
// EDL and FCPXML a moment is brought to the nearest frame boundaries of the video's real
// rate, such as 30000/1001; a moment has at least one frame. Timecode counts frames by
// the rounded rate; at 29.97 and 59.94 frames a second it is drop-frame timecode, whose
// labels skip the first two (four) frame numbers of each minute but every tenth, so that
// it follows the clock. Frames are counted from 0 at the beginning of the file.
//
// [Write] is a function of its arguments alone. Names and sentences may hold anything:
// what a format gives a meaning to is escaped, and replaced where it has no escape.
package export
