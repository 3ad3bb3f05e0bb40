package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tall"
	"tall/eval"
	"tall/model/ctrl"
	"tall/tensor"
)

// commit is the revision that the program was built from; "" where the build did not
// record one.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, changes := "", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				changes = "+changes"
			}
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changes
}

// provenance begins the record of a command's result: the program, the flags that were
// given, and the hashes of files.
func provenance(cmd *cobra.Command, files ...string) (*eval.Provenance, error) {
	p := &eval.Provenance{Version: version, Commit: commit(), Command: cmd.Name(), Flags: map[string]string{}, Data: map[string]string{}}
	cmd.Flags().Visit(func(f *pflag.Flag) { p.Flags[f.Name] = f.Value.String() })
	for _, path := range files {
		sum, err := fileHash(path)
		if err != nil {
			return nil, err
		}
		p.Data[path] = sum
	}
	return p, nil
}

// fileHash is the SHA-256 of a file, "sha256:" and hexadecimal; of a folder, that of the
// names and hashes of its files.
func fileHash(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return folderHash(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

func folderHash(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, e := range entries { // sorted by name
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() { // links count as files
			continue
		}
		hash, err := fileHash(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s\n%s\n", e.Name(), hash)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), nil
}

// provenance begins the record of a command that computes with a model on data.
func (c *common) provenance(cmd *cobra.Command, b tensor.Backend, o ctrl.Options, data ...*sectionData) (*eval.Provenance, error) {
	var files []string
	if c.readConfig != "" {
		files = append(files, c.readConfig)
	}
	for _, d := range data {
		for _, path := range d.files {
			if !slices.Contains(files, path) {
				files = append(files, path)
			}
		}
	}
	p, err := provenance(cmd, files...)
	if err != nil {
		return nil, err
	}
	p.Config, p.Preset, p.Options = c.readConfig, o.Preset, o
	p.Kernel = b.Name()
	if p.Threads, err = c.workers(); err != nil {
		return nil, err
	}
	for _, d := range data {
		visual, sentence := d.visual(), d.sentence()
		p.Visual, p.Sentence = &visual, &sentence
		for path, sum := range d.store.Stamps() {
			p.Data[path] = sum
		}
		for path, sum := range d.hashes {
			p.Data[path] = sum
		}
	}
	return p, nil
}

// ofModel adds what is known of the weights, and whether they were chosen by these very
// sentences.
func (t *trained) ofModel(p *eval.Provenance, examples []tall.Example) error {
	sum, err := fileHash(t.path)
	if err != nil {
		return err
	}
	p.Weights, p.Data[t.path] = t.path, sum
	p.Chosen = t.mark
	p.ChosenHere = t.chosenBy != "" && t.chosenBy == sentencesHash(examples)
	p.Seed = t.seed
	return nil
}

// sentencesHash tells sets of examples apart: a hash of their ids and videos, whatever
// their order.
func sentencesHash(examples []tall.Example) string {
	keys := make([]string, len(examples))
	for i, e := range examples {
		keys[i] = e.ID + "\x00" + e.Video + "\x00"
	}
	slices.Sort(keys)
	h := sha256.New()
	for _, k := range keys {
		io.WriteString(h, k) //nolint:errcheck // a hash takes all bytes
	}
	return hex.EncodeToString(h.Sum(nil))
}
