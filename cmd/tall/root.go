package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// global holds the flags that every command takes.
type global struct {
	threads   int
	logFormat string
}

func newRoot() *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:   "tall",
		Short: "Find the moment in a video that a sentence describes",
		Long: "Tall finds the moment in a video that a sentence describes.\n\n" +
			"It trains, evaluates and runs CTRL (Gao et al., ICCV 2017) with the files,\n" +
			"flags and results of its PaddlePaddle port, without Python.",
		Example: "tall demo\n" +
			"tall train --config configs/tall.yaml\n" +
			"tall eval --config configs/tall.yaml --weights data/checkpoints/TALL",
	}
	flags := root.PersistentFlags()
	flags.IntVar(&g.threads, "threads", 0, "threads to compute with (0: all of GOMAXPROCS); the results are the same for any number")
	flags.StringVar(&g.logFormat, "log-format", "text", "text or json: how progress and remarks are written to stderr")
	// The reference spells flags with underscores; both spellings work.
	root.SetGlobalNormalizationFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	root.AddCommand(
		newTrain(g), newEval(g), newPredict(g), newGenInfer(g),
		newSynth(g), newDoctor(g), newConvert(g), newBench(g), newDemo(g),
	)
	return root
}

// workers is the number of threads asked for.
func (g *global) workers() (int, error) {
	if g.threads < 0 {
		return 0, fmt.Errorf("--threads %d: give a positive number, or 0 for all", g.threads)
	}
	if g.threads == 0 {
		return runtime.GOMAXPROCS(0), nil
	}
	return g.threads, nil
}

// pyBool is a flag for a boolean as Python writes it (True, False). Unlike
// pflag's own it always takes a value, so that `--use_gpu False` works as it
// does in the reference.
type pyBool bool

func (b *pyBool) String() string {
	if *b {
		return "True"
	}
	return "False"
}

func (b *pyBool) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("%q is neither True nor False", s)
	}
	*b = pyBool(v)
	return nil
}

func (b *pyBool) Type() string { return "bool" }
