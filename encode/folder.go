package encode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tall"
	"tall/feature"
	"tall/media"
	"tall/weights"
)

// Prepare makes a folder of features and its manifest.json. A folder that has one must
// say the same, or the error wraps [tall.ErrManifest] and names what differs: rows of
// two kinds in a folder could not be told apart later.
func Prepare(dir string, d feature.Description) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return fmt.Errorf("%w: %s is a file; name a folder for the features", tall.ErrFormat, dir)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	path := filepath.Join(dir, feature.ManifestName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return tall.ReplaceFile(path, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(d)
		})
	}
	if err != nil {
		return err
	}
	have, err := feature.ParseDescription(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if diff := differences(have, d); len(diff) > 0 {
		return &otherFeatures{dir, diff}
	}
	return nil
}

// otherFeatures is [tall.ErrManifest] in the words of a folder, which no model has to do with.
type otherFeatures struct {
	dir  string
	diff []string
}

func (o *otherFeatures) Error() string {
	return fmt.Sprintf("%s holds features that were made otherwise (%s); choose another folder", o.dir, strings.Join(o.diff, "; "))
}

func (*otherFeatures) Is(target error) bool { return target == tall.ErrManifest }

// differences lists in what the rows of a folder differ from those of an encoder.
func differences(have, now feature.Description) (out []string) {
	add := func(what string, a, b any) {
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y && x != "" && y != "" {
			out = append(out, fmt.Sprintf("%s %s there, %s now", what, x, y))
		}
	}
	add("encoder", have.Encoder, now.Encoder)
	if len(out) > 0 {
		return out // what else differs follows from that
	}
	add("weights", have.WeightsHash, now.WeightsHash)
	add("normalization", have.Normalization, now.Normalization)
	add("context", have.Context, now.Context)
	if have.Dim != 0 && now.Dim != 0 {
		add("values of a row", have.Dim, now.Dim)
	}
	if have.Window != now.Window || have.Stride != now.Stride {
		add("rows", fmt.Sprintf("of %g s every %g s", have.Window, have.Stride), fmt.Sprintf("of %g s every %g s", now.Window, now.Stride))
	}
	if have.Stride == 0 && now.Stride == 0 { // windows in frames, at a rate or at the file's own
		add("frames a second", rateText(have.Rate), rateText(now.Rate))
	}
	return out
}

func rateText(rate float64) string {
	if rate == 0 {
		return "the file's own"
	}
	return fmt.Sprint(rate)
}

// spoolPattern is of files in which rows wait until their number is known.
const spoolPattern = ".rows-*"

// newSpool makes a temporary file that loses its name at once, so that it is gone with
// the process, however that ends. Where a file that is open cannot lose its name
// (Windows), those of earlier processes that were killed go now.
func newSpool(dir string) (*os.File, error) {
	if runtime.GOOS == "windows" {
		left, err := fs.Glob(os.DirFS(dir), spoolPattern)
		if err != nil {
			return nil, err
		}
		for _, name := range left {
			_ = os.Remove(filepath.Join(dir, name)) // one that is still open stays
		}
	}
	f, err := os.CreateTemp(dir, spoolPattern)
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name())
	return f, nil
}

// windowState says of the windows of a video, one file each, of what they were made.
type windowState struct {
	Windows  int               `json:"windows"` // 0: the work goes on, or was cut off
	Duration float64           `json:"duration"`
	FPSNum   int               `json:"fps_num"`
	FPSDen   int               `json:"fps_den"`
	Meta     map[string]string `json:"meta,omitempty"`
}

func statePath(dir, name string) string { return filepath.Join(dir, name+".video.json") }

func readState(dir, name string) (s windowState, err error) {
	text, err := os.ReadFile(statePath(dir, name))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

func (s windowState) write(dir, name string) error {
	return tall.ReplaceFile(statePath(dir, name), func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	})
}

// begin removes the windows of another state of the video, and says that new ones come.
func (f *Files) begin(dir, name string, info media.Info, meta map[string]string) (windowState, error) {
	now := windowState{Duration: info.Duration, FPSNum: info.FPSNum, FPSDen: info.FPSDen, Meta: meta}
	before, err := readState(dir, name)
	if f.Again || err == nil && !holds(before.Meta, meta) {
		if err := removeWindows(dir, name); err != nil {
			return now, err
		}
	}
	return now, now.write(dir, name)
}

// removeWindows removes the files dir/{name}_{start}_{end}.npy.
func removeWindows(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if video, _, _, err := feature.ParseName(e.Name()); err != nil || video != name {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Done reports whether [Files.Save] has saved a video into a folder, complete and with
// that meta.
func Done(dir, name string, meta map[string]string) bool {
	if s, err := readState(dir, name); err == nil && s.Windows > 0 {
		return holds(s.Meta, meta)
	}
	f, err := os.Open(filepath.Join(dir, name+".safetensors"))
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false
	}
	_, have, err := weights.ReadSafetensorsHeader(f, info.Size())
	return err == nil && holds(have, meta)
}

// holds reports whether all that want says stands in have.
func holds(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}
