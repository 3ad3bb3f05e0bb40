package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// global holds the flags that every command takes.
type global struct {
	threads   int
	logFormat string
}

func newRoot(g *global) *cobra.Command {
	root := &cobra.Command{
		Use:   "tall",
		Short: "Find the moment in a video that a sentence describes",
		Long: "Tall finds the moment in a video that a sentence describes.\n\n" +
			"It trains, evaluates and runs CTRL (Gao et al., ICCV 2017) with the files,\n" +
			"flags and results of its PaddlePaddle port, without Python.",
		Example: "tall demo\n" +
			"tall find cooking.mp4 \"the person cracks the egg\"\n" +
			"tall train --config configs/tall.yaml\n" +
			"tall eval --config configs/tall.yaml --weights data/checkpoints/TALL",
	}
	flags := root.PersistentFlags()
	flags.IntVar(&g.threads, "threads", 0, "threads to compute with (0: all of GOMAXPROCS); the results are the same for any number")
	flags.StringVar(&g.logFormat, "log-format", "text", "how progress and remarks are written to stderr: text or json")
	// The reference spells flags with underscores; both spellings work.
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newFind(g), newTrain(g), newEval(g), newPredict(g), newScore(g), newGenInfer(g), newEncode(g),
		newPrior(g), newSynth(g), newDoctor(g), newConvert(g), newBench(g), newDemo(g), newDataset(g), newModels(g), newIndex(g), newSearch(g), newServe(g), newToken(g),
	)
	return root
}

// maxThreads is more than any machine has.
const maxThreads = 4096

// workers is the number of threads asked for.
func (g *global) workers() (int, error) {
	switch {
	case g.threads < 0 || g.threads > maxThreads:
		return 0, fmt.Errorf("--threads %d: give a number from 1 to %d, or 0 for all processors", g.threads, maxThreads)
	case g.threads == 0:
		return runtime.GOMAXPROCS(0), nil
	}
	return g.threads, nil
}
