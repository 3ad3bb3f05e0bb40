package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"tall/config"
	"tall/dataset"
)

func newGenInfer(g *global) *cobra.Command {
	c := &common{global: g}
	var out string
	cmd := &cobra.Command{
		Use:   "gen-infer",
		Short: "Write the inference sample: the first test movie, one sentence of each clip",
		Long: "Writes what the reference's gen_infer.py writes: the windows of the first movie of the\n" +
			"TEST section's pickle (infer_feat/) and the first sentence of each of its clips\n" +
			"(infer_clip-sen.pkl).",
		Aliases: []string{"gen_infer"},
		Args:    takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			con, err := c.console(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			cfg, err := c.load(cmd, con, config.Test)
			if err != nil {
				return err
			}
			if out == "" {
				out = cfg.Infer.Filelist
			}
			if out == "" {
				return fmt.Errorf("%s names no INFER.filelist: say with --out where the sample goes", cfg.Path)
			}
			sample, err := dataset.GenInfer(cmd.Context(), cfg.Test.ClipSentvec, cfg.Test.SlidingClipPath, out)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %d sentences, %d windows\n  %s\n  %s\n", sample.Video, sample.Clips, sample.Windows, sample.Pickle, sample.Features)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.modelName, "model-name", "TALL", "name of the model; there is one, TALL")
	f.StringVar(&c.config, "config", "./configs/tall.yaml", "configuration file")
	f.StringVar(&out, "out", "", "folder to write; default: the configuration's INFER.filelist")
	return cmd
}
