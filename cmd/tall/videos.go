package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tall"
)

// videoExtensions are those of files that a folder is searched for. A file that is named
// itself may have any.
var videoExtensions = []string{
	".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv", ".y4m",
}

// imageExtensions are those of the pictures that make a folder a video.
var imageExtensions = []string{".jpeg", ".jpg", ".png"}

// findVideos lists the videos that paths name: files, patterns such as "trip/*.mp4",
// folders with everything below them, and folders of pictures, which are one video each.
// Each is listed once, in the order found. Warn, if not nil, is told of folders that may not
// be read, such as a drive's lost+found.
func findVideos(paths []string, warn func(string)) ([]string, error) {
	var out []string
	for _, path := range paths {
		found := []string{path}
		if _, err := os.Lstat(path); err != nil && strings.ContainsAny(path, "*?[") {
			if found, err = filepath.Glob(path); err != nil || len(found) == 0 {
				return nil, fmt.Errorf("%w: no file is named like %s", tall.ErrMissing, path)
			}
		}
		for _, name := range found {
			info, err := os.Stat(name)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
			}
			if !info.IsDir() {
				out = append(out, name)
				continue
			}
			below, err := videosBelow(name, warn)
			if err != nil {
				return nil, err
			}
			if len(below) == 0 {
				return nil, fmt.Errorf("%w: no video lies in the folder %s (sought: %s, or pictures)", tall.ErrMissing, name, strings.Join(videoExtensions, " "))
			}
			out = append(out, below...)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(name string) bool {
		abs, err := filepath.Abs(name)
		if err != nil {
			abs = name
		}
		twice := seen[abs]
		seen[abs] = true
		return twice
	}), nil
}

// videosBelow walks a folder. Hidden files and folders are passed over, and links to
// folders are not followed, so that the walk ends, but for one that is named itself.
func videosBelow(root string, warn func(string)) ([]string, error) {
	var out []string
	pictures := map[string]bool{} // folders
	start := strings.TrimRight(root, string(filepath.Separator)) + string(filepath.Separator)
	err := filepath.WalkDir(start, func(path string, d fs.DirEntry, err error) error {
		if path != start && errors.Is(err, fs.ErrNotExist) {
			return nil // removed while the folder that holds it was read
		}
		if path != start && errors.Is(err, fs.ErrPermission) {
			if warn != nil && !strings.HasPrefix(d.Name(), ".") {
				warn(fmt.Sprintf("passed over: %v", err))
			}
			return nil
		}
		if err != nil {
			return err
		}
		if path != start && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		ext := strings.ToLower(filepath.Ext(path))
		switch {
		case d.IsDir():
		case slices.Contains(videoExtensions, ext):
			out = append(out, path)
		case slices.Contains(imageExtensions, ext) && !pictures[filepath.Dir(path)]:
			pictures[filepath.Dir(path)] = true
		}
		return nil
	})
	for dir := range pictures {
		if !slices.ContainsFunc(out, func(video string) bool { return filepath.Dir(video) == dir }) {
			out = append(out, dir) // pictures beside videos are covers and stills
		}
	}
	slices.Sort(out)
	return out, err
}

// stem is the name of a video without folder and extension, as files of features have it.
func stem(path string) string {
	base := filepath.Base(path)
	if name := strings.TrimSuffix(base, filepath.Ext(base)); name != "" {
		return name
	}
	return base // ".mp4"
}

// findVideosOrNone is findVideos for folders that may be empty, or gone for a while.
func findVideosOrNone(folders []string) ([]string, error) {
	var out []string
	for _, folder := range folders {
		found, err := findVideos([]string{folder}, nil)
		if err != nil && !errors.Is(err, tall.ErrMissing) {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}
