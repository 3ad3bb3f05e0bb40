package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"tall/config"
	"tall/tensor"
	"tall/train"
	"tall/weights"
)

func newConvert(g *global) *cobra.Command {
	c := &common{global: g}
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Convert weights between safetensors, .pdparams and save_combine",
		Long: "Reads weights in any of the formats and writes those of the model, without optimiser\n" +
			"state, in the format that OUT's extension names: " + strings.Join(weights.Extensions(), ", ") + ".\n" +
			"A save_combine stream has no names: the configuration's MODEL section and --preset say\n" +
			"which model it holds.",
		Example: "tall convert TALL.pdparams TALL.safetensors\n" +
			"tall convert data/checkpoints/TALL_epoch24 TALL.pdparams",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return c.convert(cmd, args[0], args[1]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.config, "config", "", "configuration file whose MODEL section gives the dimensions (default: the reference's)")
	f.StringVar(&c.preset, "preset", "", "paddle, tf or paper: the model's structure")
	return cmd
}

func (c *common) convert(cmd *cobra.Command, in, out string) error {
	cfg := config.New()
	if c.config != "" {
		var err error
		if cfg, err = config.Load(c.config); err != nil {
			return err
		}
	}
	o, err := modelOptions(cfg, c.preset, &cfg.Test)
	if err != nil {
		return err
	}
	b := tensor.NewCPU(1)
	model, err := loadModel(b, in, o)
	if err != nil {
		return err
	}
	f := &weights.File{Meta: model.meta}
	for _, p := range model.Params() {
		f.Tensors = append(f.Tensors, train.Download(b, p.Name, p.Shape, p.Value))
	}
	if err := weights.Write(out, f); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s -> %s\n", model.path, out)
	for _, t := range f.Tensors {
		fmt.Fprintf(cmd.OutOrStdout(), "  %s %v\n", t.Name, t.Shape)
	}
	return nil
}
