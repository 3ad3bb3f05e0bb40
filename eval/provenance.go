package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"tall"
)

// RunName is the file beside predictions and checkpoints that says how they came
// about, a [Provenance].
const RunName = "run.json"

// Provenance says how a result came about: what would have to be the same for it to
// come out the same. It holds no time and no name of a machine, so that equal runs
// leave equal files. What is unknown is left out.
type Provenance struct {
	Version string `json:"version"`
	// Commit is the revision of the program's sources, with "+changes" where they had
	// some; unknown in programs built without version control.
	Commit string `json:"commit,omitempty"`
	// Command is the command's name, Flags are those that were given.
	Command string            `json:"command,omitempty"`
	Flags   map[string]string `json:"flags,omitempty"`

	Config  string `json:"config,omitempty"` // file; its hash is among Data
	Preset  string `json:"preset,omitempty"`
	Options any    `json:"options,omitempty"` // of the model

	Weights  string         `json:"weights,omitempty"` // file; its hash is among Data
	Visual   *tall.Manifest `json:"visual,omitempty"`
	Sentence *tall.Manifest `json:"sentence,omitempty"`
	// Data are hashes of what was read, by path: "sha256:" of a file's bytes, "stamp:" of
	// the names, sizes and times of a folder's files, "vectors:" of sentence vectors.
	Data map[string]string `json:"data,omitempty"`

	Seed    *uint64 `json:"seed,omitempty"` // of the training run; of score's: the bootstrap's
	Threads int     `json:"threads,omitempty"`
	Kernel  string  `json:"kernel,omitempty"`

	// Chosen says how the checkpoint was chosen, in words.
	Chosen string `json:"chosen,omitempty"`
	// ChosenHere: the checkpoint was chosen by the very sentences that the result is
	// about, which makes the result no measure of unseen ones.
	ChosenHere bool `json:"chosen_on_these_sentences,omitempty"`
}

// WriteFile writes the provenance as JSON (run.json), atomically.
func (p *Provenance) WriteFile(path string) error { return writeJSON(path, p) }

// ReadProvenance reads a file that [Provenance.WriteFile] wrote. Options come as what
// encoding/json makes of them.
func ReadProvenance(path string) (*Provenance, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", tall.ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	p := new(Provenance)
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", path, tall.ErrFormat, err)
	}
	return p, nil
}

func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return tall.ReplaceFile(path, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}
