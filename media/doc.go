// Package media reads videos: what a file holds ([Tools.Probe]), its frames in one
// pass at a rate ([Tools.Frames]), and it writes cuts, thumbnails and contact sheets.
// ffmpeg and ffprobe do the decoding as child processes, bounded and without a shell;
// folders of images and Y4M files are read without them.
package media
