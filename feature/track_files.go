package feature

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tall"
	"tall/numpy"
	"tall/weights"
)

// trackFile is where the features of one video lie.
type trackFile struct {
	video  string
	path   string
	array  string        // name within an .npz; "" in other files
	entry  weights.Entry // in a .safetensors
	n, dim int

	size, modified int64 // of the file
}

// foundTracks are the files behind a path.
type foundTracks struct {
	files       []trackFile // by video
	description Description
	stamp       string // hash of the files' names, sizes and times
}

// placeholder stands for the video in a pattern of file names.
const placeholder = "{video}"

// arrayNames are the arrays of an .npz that hold a video's features, as
// Moment-DETR's, UniVTG's and CLIP's programs name them, best first.
func arrayNames() []string { return []string{"features", "pooler_output", "last_hidden_state"} }

// trackExtensions are those of files that may hold a video's features.
func trackExtensions() []string { return []string{extension, ".npz", ".safetensors"} }

// findTracks lists the videos behind a path and reads the headers of their files.
func findTracks(path, kind string) (foundTracks, error) {
	var found foundTracks
	dir, pattern := path, ""
	single := false
	if strings.Contains(filepath.Base(path), placeholder) {
		dir, pattern = filepath.Dir(path), filepath.Base(path)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return found, fmt.Errorf("%w: the features %s do not exist; correct the path (--features) or put them there", tall.ErrMissing, dir)
	case err != nil:
		return found, err
	case !info.IsDir():
		single, dir = true, filepath.Dir(path)
	}
	if found.description, err = ReadDescription(dir, kind); err != nil {
		return found, err
	}
	if single {
		found.files, err = videosOf(path, info)
	} else {
		found.files, err = videosIn(dir, cmp.Or(pattern, found.description.Files, placeholder))
	}
	if err != nil {
		return found, err
	}
	slices.SortFunc(found.files, func(a, b trackFile) int { return strings.Compare(a.video, b.video) })
	for i, f := range found.files {
		if i > 0 && f.video == found.files[i-1].video {
			return found, fmt.Errorf("%w: %s and %s are both features of %q; remove one, or name a pattern such as DIR/%s.npz", tall.ErrFormat, found.files[i-1].where(), f.where(), f.video, placeholder)
		}
		if err := checkVideo(f.video); err != nil {
			return found, fmt.Errorf("%s: %w", f.where(), err)
		}
	}
	found.stamp = trackStamp(found.files)
	return found, nil
}

// checkVideo refuses names that neither JSON nor a terminal can hold.
func checkVideo(video string) error {
	switch {
	case video == "":
		return fmt.Errorf("%w: the name of the video is empty", tall.ErrFormat)
	case !utf8.ValidString(video):
		return fmt.Errorf("%w: %q %w", tall.ErrFormat, video, errNotUTF8)
	case strings.ContainsFunc(video, unicode.IsControl):
		return fmt.Errorf("%w: %q %w", tall.ErrFormat, video, errControl)
	}
	return nil
}

// videosIn lists the files of a folder that match a pattern, and reads their
// headers in parallel.
func videosIn(dir, pattern string) ([]trackFile, error) {
	prefix, suffix, ok := strings.Cut(pattern, placeholder)
	if !ok || strings.Contains(suffix, placeholder) || strings.ContainsAny(pattern, `/\`) {
		return nil, fmt.Errorf("%w: %q is no pattern of file names; it must hold %s once, and no folder", tall.ErrFormat, pattern, placeholder)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []trackFile
	for _, e := range entries {
		name := e.Name()
		ext := strings.ToLower(filepath.Ext(name))
		if strings.HasPrefix(name, ".") || e.IsDir() || strings.HasSuffix(name, packSuffix) || !slices.Contains(trackExtensions(), ext) {
			continue
		}
		video := name
		if !strings.HasSuffix(suffix, ext) { // the pattern leaves the extension open
			video = strings.TrimSuffix(name, filepath.Ext(name))
		}
		video, okPrefix := strings.CutPrefix(video, prefix)
		video, okSuffix := strings.CutSuffix(video, suffix)
		if !okPrefix || !okSuffix || video == "" {
			continue
		}
		files = append(files, trackFile{video: video, path: filepath.Join(dir, name)})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: none of the %d files in %s is named %s with extension %s; correct the path (--features), or name a pattern such as %s", tall.ErrMissing, len(entries), dir, pattern, strings.Join(trackExtensions(), ", "), filepath.Join(dir, "clip_"+placeholder+".npz"))
	}
	errs := make([]error, len(files))
	parallel(len(files), func(i int) { errs[i] = files[i].readHeader() })
	failed := 0
	for _, e := range errs {
		if e != nil {
			failed++
			err = cmp.Or(err, e)
		}
	}
	if failed > 1 {
		err = fmt.Errorf("%w (and %d more like it)", err, failed-1)
	}
	return files, err
}

// readHeader finds the features of the one video of a file.
func (f *trackFile) readHeader() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a regular file", tall.ErrFormat, f.path)
	}
	f.size, f.modified = info.Size(), info.ModTime().UnixNano()
	var shape []int
	switch strings.ToLower(filepath.Ext(f.path)) {
	case extension:
		h, err := numpy.ReadFileHeader(f.path)
		if err != nil {
			return err
		}
		shape = h.Shape
	case ".npz":
		z, err := numpy.OpenNPZ(f.path)
		if err != nil {
			return err
		}
		defer z.Close()
		if f.array = featureArray(z.Names()); f.array == "" {
			return fmt.Errorf("%w: %s holds the arrays %s; features must be named %s", tall.ErrFormat, f.path, strings.Join(z.Names(), ", "), strings.Join(arrayNames(), " or "))
		}
		h, err := z.Header(f.array)
		if err != nil {
			return err
		}
		shape = h.Shape
	default:
		entries, err := safetensorsEntries(f.path)
		if err != nil {
			return err
		}
		i := 0
		if len(entries) > 1 {
			i = slices.IndexFunc(entries, func(e weights.Entry) bool { return slices.Contains(arrayNames(), e.Name) })
		}
		if i < 0 || len(entries) == 0 {
			return fmt.Errorf("%w: %s holds %d tensors; a video's features must be the only one, or be named %s", tall.ErrFormat, f.path, len(entries), strings.Join(arrayNames(), " or "))
		}
		f.entry = entries[i]
		shape = f.entry.Shape
	}
	return f.setShape(shape)
}

func (f *trackFile) setShape(shape []int) (err error) {
	if f.n, f.dim, err = rowShape(shape); err != nil {
		return fmt.Errorf("%s: %w", f.where(), err)
	}
	return nil
}

// featureArray picks the array of features of one video; "" where none is.
func featureArray(names []string) string {
	for _, want := range arrayNames() {
		if slices.Contains(names, want) {
			return want
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	return ""
}

// videosOf lists the videos of a single file.
func videosOf(path string, info fs.FileInfo) ([]trackFile, error) {
	stem := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	base := trackFile{video: stem, path: path, size: info.Size(), modified: info.ModTime().UnixNano()}
	switch strings.ToLower(filepath.Ext(path)) {
	case extension:
		err := base.readHeader()
		return []trackFile{base}, err
	case ".npz":
		z, err := numpy.OpenNPZ(path)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		names := z.Names()
		if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(arrayNames(), n) }) {
			err := base.readHeader()
			return []trackFile{base}, err
		}
		files := make([]trackFile, 0, len(names))
		for _, name := range names {
			f := base
			f.video, f.array = name, name
			h, err := z.Header(name)
			if err != nil {
				return nil, err
			}
			if err := f.setShape(h.Shape); err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		return files, nil
	case ".safetensors":
		entries, err := safetensorsEntries(path)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 || slices.ContainsFunc(entries, func(e weights.Entry) bool { return slices.Contains(arrayNames(), e.Name) }) {
			err := base.readHeader()
			return []trackFile{base}, err
		}
		files := make([]trackFile, 0, len(entries))
		for _, e := range entries {
			f := base
			f.video, f.entry = e.Name, e
			if err := f.setShape(e.Shape); err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		return files, nil
	}
	return nil, fmt.Errorf("%w: %s: features are a folder or a file with extension %s", tall.ErrFormat, path, strings.Join(trackExtensions(), ", "))
}

func safetensorsEntries(path string) ([]weights.Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	entries, _, err := weights.ReadSafetensorsHeader(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}

// where names the place of a video's features in errors.
func (f *trackFile) where() string {
	switch {
	case f.array != "" && !slices.Contains(arrayNames(), f.array):
		return fmt.Sprintf("%s[%s]", f.path, f.array)
	case f.entry.Name != "" && !slices.Contains(arrayNames(), f.entry.Name):
		return fmt.Sprintf("%s[%s]", f.path, f.entry.Name)
	}
	return f.path
}

// read reads the values, (N, D) in C order.
func (f *trackFile) read() ([]float32, error) {
	switch {
	case f.entry.Size > 0 || f.entry.Name != "":
		file, err := os.Open(f.path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		raw := make([]byte, f.entry.Size)
		if _, err := io.ReadFull(io.NewSectionReader(file, f.entry.Offset, f.entry.Size), raw); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", tall.ErrFormat, f.where(), err)
		}
		return f.entry.Float32(raw)
	case f.array != "":
		z, err := numpy.OpenNPZ(f.path)
		if err != nil {
			return nil, err
		}
		defer z.Close()
		a, err := z.Read(f.array)
		if err != nil {
			return nil, err
		}
		return a.Float32(), nil
	}
	a, err := numpy.ReadFile(f.path)
	if err != nil {
		return nil, err
	}
	return a.Float32(), nil
}

// trackStamp is a hash of the names, sizes and times of files.
func trackStamp(files []trackFile) string {
	h := sha256.New()
	h.Write([]byte("tall-tracks 1\n"))
	var b []byte
	for _, f := range files {
		b = append(b[:0], f.video...)
		b = append(b, 0)
		b = append(b, filepath.Base(f.path)...)
		b = append(b, 0)
		b = binary.LittleEndian.AppendUint64(b, uint64(f.size))
		b = binary.LittleEndian.AppendUint64(b, uint64(f.modified))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}
