// Package media reads videos: what a file holds ([Tools.Probe]), its frames in one pass at
// a rate ([Tools.Frames]); and it writes cuts ([Tools.Cut]), thumbnails, contact sheets and
// mp4 files ([Tools.EncodeMP4]). ffmpeg and ffprobe do the decoding as child processes;
// folders of images (JPEG, PNG) and Y4M files are read without them.
//
// # Times
//
// A time is in seconds from the video's beginning, as a player counts: 0 is the container's
// beginning, that of the earliest of its tracks. Where the sound begins before the pictures,
// the first picture has a time above 0, [Info.Delay], and frames before it show it.
//
// At a rate, frame k shows the picture that a player shows at From + k/Rate: the last one
// whose own time is not later, give or take half a millisecond, as containers round. This
// holds for rates that change, for files that begin anywhere on their own clock, for AVI
// files, which hold the order of decoding only, and behind a seek: the time of the first
// picture that was decoded is checked, and decoding begins anew earlier where it is too
// late. The last picture lasts as long as the file says.
//
// Frames are upright and have square pixels. Their colors are those of BT.601 or, for HD
// and where the file says so, BT.709; the scaler is Catmull-Rom, widened when shrinking.
//
// # What a file may do
//
// A video is untrusted input. A path names a regular file (no device or pipe, also behind
// a link) or a folder. ffmpeg gets its arguments as a list, no shell, and no terminal; it may
// open files only, as one of the containers that hold their pictures in one file, told by
// contents, not by name: a playlist, a list for concatenation or a pattern of image names
// called film.mp4 is refused, and what it points to is not opened. A frame has 8192 x 8192
// pixels at most; a block of memory, all memory (on Linux), the time without a frame, and
// the length of what ffprobe may answer are bounded. The process group dies with the
// context or with [Reader.Close], and is waited for.
//
// Damage that the decoder passes over is told by [Reader.Warning]; a file that is cut off
// gives the frames that it holds.
//
// # Limits
//
// Pictures are not deinterlaced. Images are not turned by what cameras write into JPEG
// files. Files with pictures in another order than that of decoding in AVI (B-frames) are
// decoded from their beginning even for a part at their end, because no time in them is
// sure behind a seek. MPEG program streams state no length; the estimate may fall short,
// and the frames go on to the end all the same.
package media
