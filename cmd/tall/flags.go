package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tall/config"
)

// common are the flags that train, eval and predict share with the reference.
type common struct {
	*global
	modelName string
	config    string
	preset    string
	useGPU    pyBool
	noPack    bool
	weights   string
	url       string
}

func (c *common) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.modelName, "model-name", "TALL", "name of the model; there is one, TALL")
	f.StringVar(&c.config, "config", "./configs/tall.yaml", "configuration file")
	f.StringVar(&c.preset, "preset", "", "paddle, tf or paper: whose values hold where no flag says otherwise (default: the configuration's, or paddle)")
	f.Var(&c.useGPU, "use-gpu", "True or False; this build computes on the CPU either way")
	f.Int("batch-size", 0, "sentences (train: pairs) in a batch; overrides the configuration")
	f.String("context-mode", "", "exact (the reference), nearest or none: which windows stand beside a window; overrides the configuration")
	f.Float64("fps", 0, "frames in a second of the source videos; overrides the configuration (TACoS: 29.4)")
	f.BoolVar(&c.noPack, "no-pack", false, "read the feature files one by one instead of packing them once")
}

// registerWeights adds the flags of commands that use a trained model.
func (c *common) registerWeights(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.weights, "weights", "", "trained model: a file or prefix (.safetensors, .pdparams, save_combine); without it the released one is downloaded")
	f.StringVar(&c.url, "weights-url", "", "where the released model lies (also $"+envWeightsURL+")")
}

// load reads the configuration and lets the flags that were given override the
// section, as in the reference.
func (c *common) load(cmd *cobra.Command, con *console, section string) (*config.Config, error) {
	if !strings.EqualFold(c.modelName, "TALL") {
		return nil, fmt.Errorf("--model_name %q: there is one model, TALL", c.modelName)
	}
	cfg, err := config.Load(c.config)
	if err != nil {
		return nil, err
	}
	for _, key := range config.Keys(section) {
		flag := cmd.Flags().Lookup(strings.ReplaceAll(key, "_", "-"))
		if flag == nil || !flag.Changed {
			continue
		}
		if err := cfg.Override(section, key, flag.Value.String()); err != nil {
			return nil, err
		}
	}
	s, err := cfg.Section(section)
	if err != nil {
		return nil, err
	}
	if err := cfg.Need(section); err != nil {
		return nil, err
	}
	if s.UseGPU {
		con.Warn("use_gpu is True, and this build has no GPU support: computing on the CPU")
	}
	if s.Threads > 0 && c.threads == 0 {
		c.threads = s.Threads
	}
	return cfg, nil
}
