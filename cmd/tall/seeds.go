package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tall"
	"tall/config"
	"tall/eval"
	"tall/model/ctrl"
	"tall/train"
	"tall/weights"
)

// seedsOf returns the run's seeds: those given, the reference's, that of the run which
// goes on, or a fresh one, which the log then names.
func (t *trainFlags) seedsOf(cmd *cobra.Command, from *weights.File) ([]uint64, error) {
	switch {
	case t.seeds != "" && cmd.Flags().Changed("seed"):
		return nil, errors.New("--seed is one run, --seeds several: give one of them")
	case t.seeds != "":
		return parseSeeds(t.seeds)
	case cmd.Flags().Changed("seed"):
		return []uint64{t.seed}, nil
	case bool(t.fixSeed):
		return []uint64{referenceSeed}, nil
	case t.resume != "":
		if seed, ok := train.SeedOf(from); ok {
			return []uint64{seed}, nil
		}
	}
	var b [4]byte // 32 bits: a seed that one can type again
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	return []uint64{uint64(binary.LittleEndian.Uint32(b[:]))}, nil
}

func parseSeeds(text string) ([]uint64, error) {
	var seeds []uint64
	for part := range strings.SplitSeq(text, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(part), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--seeds %s: give whole numbers of 0 or more with commas between them", text)
		}
		if slices.Contains(seeds, seed) {
			return nil, fmt.Errorf("--seeds %s: %d is there twice; two runs of one seed are the same", text, seed)
		}
		seeds = append(seeds, seed)
	}
	return seeds, nil
}

func seedText(seeds []uint64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(seeds), " ", ","), "[]")
}

// runSeeds trains a run for each seed, evaluates each, and writes and prints the table.
func (j *trainJob) runSeeds(ctx context.Context, cmd *cobra.Command, cfg *config.Config, seeds []uint64) error {
	splits, tables, err := j.seedSplits(ctx, cfg)
	if err != nil {
		return err
	}
	for _, d := range tables {
		defer d.Close()
	}
	nms, err := eval.ParseNMS(cfg.Test.NMS)
	if err != nil {
		return err
	}
	runs := &eval.Runs{Chosen: j.mark}
	made := *j.made
	made.Chosen = j.mark
	runs.Provenance = &made
	for i, seed := range seeds {
		dir := filepath.Join(j.saveDir, fmt.Sprintf("seed%d", seed))
		j.con.Info("run", "seed", seed, "number", i+1, "of", len(seeds), "dir", dir)
		if err := makeSaveDir(dir); err != nil {
			return err
		}
		model, err := j.run(ctx, seed, dir)
		if err != nil {
			return err
		}
		run := eval.Run{Seed: seed, Dir: filepath.Base(dir), Splits: map[string]*eval.Table{}}
		if run.Checkpoint, err = j.chosen(model, dir); err != nil {
			return err
		}
		for k, split := range splits {
			if run.Splits[split], err = scoreSection(ctx, j.con, tables[k], model, nms); err != nil {
				return err
			}
		}
		runs.Runs = append(runs.Runs, run)
		// What is known so far survives whatever happens to the next run.
		if err := runs.Summarize(splits...); err != nil {
			return err
		}
		if err := errors.Join(runs.WriteFile(filepath.Join(j.saveDir, eval.SeedsName)), runs.WriteMarkdown(filepath.Join(j.saveDir, eval.SeedsTable))); err != nil {
			return err
		}
		// The next model does not wait in memory beside this one.
		if j.validator != nil {
			j.validator.model = nil
		}
		debug.FreeOSMemory()
	}
	if len(splits) == 0 {
		j.con.Warn("there is neither a validation nor a test split: the runs have no numbers to compare", "dir", j.saveDir)
		return nil
	}
	fmt.Fprint(cmd.OutOrStdout(), runs.Markdown())
	return nil
}

// chosen puts the weights of a run's best checkpoint into its model, where one was
// chosen, and names the file whose weights the model has.
func (j *trainJob) chosen(model *ctrl.Model, dir string) (string, error) {
	if j.validator == nil {
		return "TALL" + train.Extension, nil
	}
	path, err := train.Find(filepath.Join(dir, "TALL_best"))
	if errors.Is(err, tall.ErrMissing) { // no epoch was validated
		return "TALL" + train.Extension, nil
	}
	if err != nil {
		return "", err
	}
	f, err := weights.Open(path)
	if err != nil {
		return "", err
	}
	return filepath.Base(path), errors.Join(train.LoadParams(model.Backend(), model.Params(), f), f.Close())
}

// seedSplits opens the splits on which each run is evaluated.
func (j *trainJob) seedSplits(ctx context.Context, cfg *config.Config) (names []string, data []*sectionData, err error) {
	if j.validator != nil {
		shared := *j.validator.data
		shared.shared = true // the validator closes it
		names, data = append(names, "val"), append(data, &shared)
	}
	var test *sectionData
	if j.given() {
		corpus, err := j.corpus(j.con, j.validationPath())
		if err != nil {
			return nil, nil, err
		}
		if !hasSplits(corpus) { // it tells no test split apart
			return names, data, nil
		}
		if !slices.ContainsFunc(corpus.Examples, func(e tall.Example) bool { return e.Split == j.testSplit }) {
			j.con.Info("no test split: " + strings.Join(corpus.Files, ", ") + " hold no sentences of the split " + j.testSplit)
			return names, data, nil
		}
		if j.validator != nil && j.validator.data.split == j.testSplit {
			return names, data, nil // the table has these numbers already
		}
		test, err = j.openSplit(ctx, j.con, &cfg.Test, j.validationPath(), j.testSplit, "--test-split")
		if err != nil {
			return nil, nil, err
		}
	} else {
		s := &cfg.Test
		named := cfg.Need(config.Test) == nil
		if !s.Present || !named || sameFile(s.ClipSentvec, cfg.Train.ClipSentvec) {
			return names, data, nil
		}
		if missing(s.ClipSentvec) {
			j.con.Info("no test split: TEST.clip_sentvec (" + s.ClipSentvec + ") does not exist")
			return names, data, nil
		}
		if test, err = j.openSection(ctx, j.con, s); err != nil {
			return nil, nil, err
		}
	}
	return append(names, "test"), append(data, test), nil
}
