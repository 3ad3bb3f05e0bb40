package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tall/config"
	"tall/model/ctrl"
	"tall/weights"
)

func newConvert(g *global) *cobra.Command {
	c := &common{global: g}
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Convert weights between safetensors, .pdparams and save_combine",
		Long: "Reads weights in any of the formats and writes those of the model, without optimiser\n" +
			"state, in the format that OUT's extension names: " + strings.Join(weights.Extensions(), ", ") + ".\n" +
			"Checkpoints of tall train say which model they hold; of other files the configuration's\n" +
			"MODEL section and --preset say it.",
		Example: "tall convert TALL.pdparams TALL.safetensors\n" +
			"tall convert data/checkpoints/TALL_epoch24 TALL.pdparams",
		Args: takes(2, 2, "IN OUT"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.convert(cmd, args[0], args[1]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.config, "config", "", "configuration file whose MODEL section gives the dimensions (default: the checkpoint's, or the reference's)")
	f.StringVar(&c.preset, "preset", "", "the model's structure: paddle, tf or paper")
	return cmd
}

func (c *common) convert(cmd *cobra.Command, in, out string) error {
	if ext := filepath.Ext(out); !slices.Contains(weights.Extensions(), ext) {
		return fmt.Errorf("%s: its extension names the format to write: %s", out, strings.Join(weights.Extensions(), ", "))
	}
	f, r, err := readWeights(in)
	if err != nil {
		return err
	}
	o, err := c.structure(f, r)
	if err != nil {
		return err
	}
	b, err := newBackend(1)
	if err != nil {
		return err
	}
	model, err := loadModel(b, f, r, o)
	if err != nil {
		return err
	}
	converted := &weights.File{Tensors: model.Export(), Meta: map[string]string{}}
	for _, key := range recordKeys {
		if text, ok := f.Meta[key]; ok {
			converted.Meta[key] = text
		}
	}
	if err := weights.Write(out, converted); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s -> %s\n", model.path, out)
	for _, t := range converted.Tensors {
		fmt.Fprintf(cmd.OutOrStdout(), "  %s %v\n", t.Name, t.Shape)
	}
	return nil
}

// structure says which model a file holds: that of --config, that which the file
// records, or the reference's.
func (c *common) structure(f *weights.File, r record) (ctrl.Options, error) {
	cfg := config.New()
	if c.config != "" {
		var err error
		if cfg, err = config.Load(c.config); err != nil {
			return ctrl.Options{}, err
		}
	}
	o, err := modelOptions(cfg, c.preset, &cfg.Test)
	if err != nil || c.config != "" || r.options == nil {
		return o, err
	}
	// A record that claims more values than the file has is not believed: a
	// model of that size would be made before the two are compared.
	values := 0
	for _, t := range f.Tensors {
		values += len(t.Data)
	}
	if r.options.Validate() == nil && r.options.Parameters() <= float64(values) {
		o.VisualDim, o.SentenceDim = r.options.VisualDim, r.options.SentenceDim
		o.SemanticDim, o.HiddenDim = r.options.SemanticDim, r.options.HiddenDim
	}
	return o, nil
}
