package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tall/config"
)

// common are the flags that train, eval and predict share with the reference.
type common struct {
	*global
	modelName string
	config    string
	preset    string
	noPack    bool
	weights   string
	url       string
	dataFlags

	readConfig string // the configuration that was read; "": none, as with --data alone
}

func (c *common) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.modelName, "model-name", "TALL", "name of the model; there is one, TALL")
	f.StringVar(&c.config, "config", "./configs/tall.yaml", "configuration file")
	f.StringVar(&c.preset, "preset", "", "whose values hold where no flag says otherwise: paddle, tf or paper (default: the configuration's, or paddle)")
	f.BoolVar(&c.noPack, "no-pack", false, "read the feature files one by one instead of packing them once")
	overrides(f, "True|False", "use-gpu", "compute on a GPU, True or False; this build has no GPU support and says so")
	overrides(f, "int", "batch-size", "pairs in a batch (train), sentences asked together (eval, predict)")
	overrides(f, "string", "context-mode", "which windows stand beside a window: exact (the reference), nearest or none")
	overrides(f, "float", "fps", "frames in a second of the source videos (TACoS: 29.4)")
	c.dataFlags.register(cmd)
}

// registerWeights adds the flags of commands that use a trained model.
func (c *common) registerWeights(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.weights, "weights", "", "trained model: a file or prefix (.safetensors, .pdparams, save_combine); without it the released one is downloaded")
	f.StringVar(&c.url, "weights-url", "", "where the released model lies (also $"+envWeightsURL+")")
}

// overrides adds a flag that overrides the key of its name in the section that
// the command reads. [common.load] hands its text to the configuration, which
// checks it.
func overrides(f *pflag.FlagSet, kind, name, usage string) {
	f.Var(&override{kind: kind}, name, usage+"; overrides the configuration")
}

// override is the text of such a flag. Unlike pflag's own a Boolean always takes
// a value, so that `--use_gpu False` works as it does in the reference.
type override struct{ kind, text string }

func (o *override) String() string     { return o.text }
func (o *override) Set(s string) error { o.text = s; return nil }
func (o *override) Type() string       { return o.kind }

// pyBool is a flag for a Boolean as Python writes it (True, False), which
// overrides nothing. Like [override] it always takes a value.
type pyBool bool

func (b *pyBool) String() string { return strconv.FormatBool(bool(*b)) }

func (b *pyBool) Set(s string) (err error) {
	v, err := strconv.ParseBool(s)
	*b = pyBool(v)
	return err
}

func (b *pyBool) Type() string { return "True|False" }

// load reads the configuration and lets the flags that were given override the
// sections, as in the reference. The first section is the one that the command
// is about.
func (c *common) load(cmd *cobra.Command, con *console, sections ...string) (*config.Config, error) {
	if !strings.EqualFold(c.modelName, "TALL") {
		return nil, fmt.Errorf("--model_name %q: there is one model, TALL", c.modelName)
	}
	if err := c.checkData(cmd); err != nil {
		return nil, err
	}
	cfg, err := c.configuration(cmd)
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = f.Value.String() })
	for _, section := range sections {
		if err := cfg.Merge(section, given); err != nil {
			return nil, err
		}
	}
	s, err := cfg.Section(sections[0])
	if err != nil {
		return nil, err
	}
	if !c.given() {
		if err := cfg.Need(s.Name); err != nil {
			return nil, err
		}
	}
	if s.UseGPU {
		con.Warn("use_gpu is True, and this build has no GPU support: computing on the CPU")
	}
	if s.Threads > 0 && c.threads == 0 {
		c.threads = s.Threads
	}
	return cfg, nil
}

// configuration reads the configuration: with --data only where --config names it, and
// then for its settings, as --data and --features name what is read.
func (c *common) configuration(cmd *cobra.Command) (*config.Config, error) {
	if c.given() && !cmd.Flags().Changed("config") {
		return config.New(), nil
	}
	c.readConfig = c.config
	return config.Load(c.config)
}
