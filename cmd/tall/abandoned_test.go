package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// What a killed process left is removed; what is at work, or somebody else's, is not.
func TestRemoveAbandoned(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * abandonedAfter)
	for name, age := range map[string]time.Time{
		".a.mp4.0123abcd.tmp": old, ".b.safetensors.ffffffff.tmp": time.Now(), ".c.tmp": old, "d.mp4.0123abcd.tmp": old, ".e.0123abcd.tmp~": old, "f.mp4": old,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, age, age); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeAbandoned(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".b.safetensors.ffffffff.tmp", ".c.tmp", ".e.0123abcd.tmp~", "d.mp4.0123abcd.tmp", "f.mp4"}; !slices.Equal(left, want) {
		t.Errorf("%q, want %q", left, want)
	}
	if err := removeAbandoned(filepath.Join(dir, "none")); err != nil {
		t.Error(err)
	}
}
