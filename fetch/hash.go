package fetch

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tall"
)

// record is the side file that holds a file's hash.
func record(path string) string { return path + ".sha256" }

// verify returns the hash of the file that is there already. It records the hash
// where none is, and refuses another than the recorded or the wanted one. Where
// there is no file the error is os.ErrNotExist.
func verify(ctx context.Context, f File) (string, error) {
	const remedy = "delete it to have it downloaded again"
	if err := f.checkSize(f.Path, remedy); err != nil {
		return "", err
	}
	got, err := hashFile(ctx, f.Path)
	if err != nil {
		return "", err
	}
	if err := f.check(got, remedy); err != nil {
		return "", err
	}
	return got, writeRecord(f.Path, got)
}

// check compares a file's hash with the one wanted and the one recorded.
func (f File) check(got, remedy string) error {
	if f.SHA256 != "" && !strings.EqualFold(got, f.SHA256) {
		return fmt.Errorf("%w: %s has SHA-256 %s, must have %s; %s", tall.ErrFormat, f.Path, got, f.SHA256, remedy)
	}
	was, err := readRecord(f.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if was != got {
		return fmt.Errorf("%w: %s has SHA-256 %s, but %s recorded %s when it was downloaded; %s, or delete %s to accept it as it is", tall.ErrFormat, f.Path, got, record(f.Path), was, remedy, record(f.Path))
	}
	return nil
}

// checkSize compares the size of the file at path with the one wanted.
func (f File) checkSize(path, remedy string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if f.Size > 0 && info.Size() != f.Size {
		return fmt.Errorf("%w: %s has %d bytes, must have %d; %s", tall.ErrFormat, path, info.Size(), f.Size, remedy)
	}
	return nil
}

// hashFile returns the SHA-256 of a file in hex.
func hashFile(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		n, err := file.Read(buf)
		h.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(h.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

func readRecord(path string) (string, error) {
	file, err := os.Open(record(path))
	if err != nil {
		return "", err
	}
	defer file.Close()
	line, err := bufio.NewReader(io.LimitReader(file, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	sum, _, _ := strings.Cut(line, " ")
	sum = strings.ToLower(strings.TrimSpace(sum))
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%w: %s holds no SHA-256; delete it to have the hash recorded anew", tall.ErrFormat, record(path))
	}
	return sum, nil
}

// RecordedHash returns the SHA-256 of a file, in hex, as it was recorded when the file
// was fetched, and false where there is no record, or the file has changed since: it
// spares reading gigabytes. [Verify] reads them.
func RecordedHash(path string) (sha string, ok bool) {
	file, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	rec, err := os.Stat(record(path))
	if err != nil || file.ModTime().After(rec.ModTime()) {
		return "", false
	}
	sha, err = readRecord(path)
	return sha, err == nil
}

// writeRecord records a hash, in the form of sha256sum, unless it stands there.
func writeRecord(path, sum string) error {
	if was, err := readRecord(path); err == nil && was == sum {
		return nil
	}
	text := sum + "  " + filepath.Base(path) + "\n"
	if err := writeText(record(path), text); err != nil {
		return fmt.Errorf("the hash of %s was not recorded: %w", path, err)
	}
	return nil
}

// writeText writes a small file whole or not at all.
func writeText(path, text string) error {
	return tall.ReplaceFile(path, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}
