package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tall"
)

// idPrefix begins every ID; the hash is that of the content.
const idPrefix = "sha256-"

// ParseID checks the form of an ID, which names files: nothing else may stand in it.
func ParseID(text string) (ID, error) {
	digits, ok := strings.CutPrefix(text, idPrefix)
	if raw, err := hex.DecodeString(digits); !ok || err != nil || len(raw) != sha256.Size || digits != strings.ToLower(digits) {
		return "", fmt.Errorf("%w: %.80q is no ID of a video: %s and 64 hexadecimal digits", tall.ErrFormat, text, idPrefix)
	}
	return ID(text), nil
}

// HashFile computes the ID of a video: the SHA-256 of its file. Of a folder of pictures it
// is that of their names and hashes, in the order of their names.
func HashFile(ctx context.Context, path string) (ID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if info.IsDir() {
		err = hashFolder(ctx, sum, path)
	} else if info.Mode().IsRegular() {
		err = hashInto(ctx, sum, path)
	} else {
		err = fmt.Errorf("%w: %s is neither a file nor a folder", tall.ErrFormat, path)
	}
	if err != nil {
		return "", err
	}
	return ID(idPrefix + hex.EncodeToString(sum.Sum(nil))), nil
}

func hashFolder(ctx context.Context, w io.Writer, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		// Pictures may be links, as they are read through them.
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err != nil || !info.Mode().IsRegular() {
			continue
		}
		sum := sha256.New()
		if err := hashInto(ctx, sum, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
		fmt.Fprintf(w, "%q %x\n", e.Name(), sum.Sum(nil))
	}
	return nil
}

// modified is when a video was last written to: of a folder of pictures, the latest time of
// it and of them, as a picture may be written to without a trace in its folder.
func modified(path string, info fs.FileInfo) time.Time {
	last := info.ModTime()
	if !info.IsDir() {
		return last
	}
	entries, _ := os.ReadDir(path) // what can be read
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(path, e.Name())); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

func hashInto(ctx context.Context, w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := f.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &fs.PathError{Op: "read", Path: path, Err: err}
		}
	}
}
