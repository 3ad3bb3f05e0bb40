package feature

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"tall"
)

// file is a window's file as the folder lists it.
type file struct {
	name       string
	video      string
	start, end int
	size       int64
	modified   int64 // nanoseconds since 1970
}

func (f file) compare(o file) int {
	return cmp.Or(cmp.Compare(f.video, o.video), cmp.Compare(f.start, o.start), cmp.Compare(f.end, o.end), cmp.Compare(f.name, o.name))
}

// Skipped is a .npy file that is no window: its name holds no span, or it is
// not a regular file.
type Skipped struct {
	Name string
	Err  error
}

// list returns the windows of a folder, ordered by video, start and end.
func list(dir string) ([]file, []Skipped, error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: the feature folder %s does not exist; correct the path (sliding_clip_path) or put the features there", tall.ErrMissing, dir)
	}
	if err != nil {
		return nil, nil, err
	}
	defer d.Close()
	if info, err := d.Stat(); err == nil && !info.IsDir() {
		return nil, nil, fmt.Errorf("%w: %s is a file; a folder of VIDEO_START_END.npy windows is needed", tall.ErrFormat, dir)
	}
	entries, err := d.ReadDir(-1)
	if err != nil {
		return nil, nil, fmt.Errorf("list %s: %w", dir, err)
	}
	others := len(entries)
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		// Hidden files are what some systems leave beside the real ones (._name).
		return !strings.HasSuffix(e.Name(), extension) || strings.HasPrefix(e.Name(), ".")
	})
	if others -= len(entries); len(entries) == 0 {
		return nil, nil, fmt.Errorf("%w: the feature folder %s holds no .npy files (%d others); correct the path (sliding_clip_path) or put the features there", tall.ErrMissing, dir, others)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	files, skipped, err := parse(dir, entries)
	if err != nil {
		return nil, nil, err
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("%w: none of the %d .npy files in %s is a window; the first: %w", tall.ErrFormat, len(skipped), dir, skipped[0].Err)
	}
	slices.SortFunc(files, file.compare)
	for i := 1; i < len(files); i++ {
		if a, b := files[i-1], files[i]; a.video == b.video && a.start == b.start && a.end == b.end {
			return nil, nil, fmt.Errorf("%w: %s and %s in %s are the same window; remove one", tall.ErrFormat, a.name, b.name, dir)
		}
	}
	return files, skipped, nil
}

// parse reads names and asks the file system for sizes and times, in parallel,
// as the second takes a system call each.
func parse(dir string, entries []fs.DirEntry) (files []file, skipped []Skipped, err error) {
	type answer struct {
		file
		skip, fail error
	}
	answers := make([]answer, len(entries))
	const chunk = 1024
	parallel((len(entries)+chunk-1)/chunk, func(c int) {
		for i := c * chunk; i < min((c+1)*chunk, len(entries)); i++ {
			a, e := &answers[i], entries[i]
			a.name = e.Name()
			if a.video, a.start, a.end, a.fail = ParseName(a.name); a.fail != nil {
				if errors.Is(a.fail, errNoSpan) {
					a.skip, a.fail = a.fail, nil
				}
				continue
			}
			info, err := e.Info()
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				info, err = os.Stat(filepath.Join(dir, a.name))
			}
			switch {
			case err != nil:
				a.fail = err
			case !info.Mode().IsRegular():
				a.skip = fmt.Errorf("%w: %s is not a regular file", tall.ErrFormat, filepath.Join(dir, a.name))
			default:
				a.size, a.modified = info.Size(), info.ModTime().UnixNano()
			}
		}
	})
	failed := 0
	for _, a := range answers {
		switch {
		case a.fail != nil:
			failed++
			err = cmp.Or(err, a.fail)
		case a.skip != nil:
			skipped = append(skipped, Skipped{a.name, a.skip})
		default:
			files = append(files, a.file)
		}
	}
	if failed > 1 {
		return nil, nil, fmt.Errorf("%s: %w (and %d more like it)", dir, err, failed-1)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return files, skipped, nil
}

// stamp is a hash of the names, sizes and times of the files that a pack is
// made from.
func stamp(files []file) string {
	h := sha256.New()
	h.Write([]byte(packFormat + "\n"))
	var b []byte
	for _, f := range files {
		b = append(b[:0], f.name...)
		b = append(b, 0)
		b = binary.LittleEndian.AppendUint64(b, uint64(f.size))
		b = binary.LittleEndian.AppendUint64(b, uint64(f.modified))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// parallel calls f for 0 to n-1 from as many goroutines as there are
// processors, at least 4: the calls wait for the disk more than they compute.
func parallel(n int, f func(i int)) {
	jobs := make(chan int)
	var wait sync.WaitGroup
	for range min(n, max(4, runtime.GOMAXPROCS(0))) {
		wait.Go(func() {
			for i := range jobs {
				f(i)
			}
		})
	}
	for i := range n {
		jobs <- i
	}
	close(jobs)
	wait.Wait()
}
