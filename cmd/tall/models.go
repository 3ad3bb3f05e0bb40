package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"tall/fetch"
	"tall/report"
)

// modelsFlags are those of the commands about models.
type modelsFlags struct {
	*global
	catalogs []string
}

func newModels(g *global) *cobra.Command {
	m := &modelsFlags{global: g}
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List, fetch and verify the models that encoders read",
		Long: "Encoders of videos and sentences other than classical and hash read trained models. The\n" +
			"catalog says which there are, where they come from, under which license, and what they\n" +
			"are good for. A file of the same form (docs/models.md) adds to it: --catalog FILE, or\n" +
			"catalog.yaml in the folder tall of your configuration folder.\n\n" +
			"Models are kept in models/NAME below the folder for downloads ($XDG_CACHE_HOME/tall).\n" +
			"Proxies are taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
		Example: "tall models list\n" +
			"tall models pull all-minilm-l6-v2\n" +
			"tall models pull clip-vit-b-32 --from /media/usb/models\n" +
			"ls \"$(tall models path clip-vit-b-32)\"",
		Args: takes(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringArrayVar(&m.catalogs, "catalog", nil, "further catalog, a YAML file; its models replace those of their names")
	cmd.PersistentFlags().StringArrayVar(&m.catalogs, "catalogue", nil, "as --catalog") //nolint:misspell // the British word
	_ = cmd.PersistentFlags().MarkHidden("catalogue")                                   //nolint:misspell // the flag was just made
	cmd.AddCommand(m.newList(), m.newPull(), m.newVerify(), m.newPath())
	return cmd
}

// models returns those of the names, all for none.
func (m *modelsFlags) models(names []string) ([]fetch.Model, error) {
	c, err := fetch.Load(m.catalogs...)
	if err != nil || len(names) == 0 {
		return c.All(), err
	}
	var out []fetch.Model
	for _, name := range names {
		model, err := c.Find(name)
		if err != nil {
			return nil, err
		}
		out = append(out, model)
	}
	return out, nil
}

func (m *modelsFlags) newList() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "list [NAME...]",
		Short: "What there is, what it is good for, and what is on this machine",
		Args:  takes(0, math.MaxInt, ""),
		RunE: func(cmd *cobra.Command, names []string) error {
			models, err := m.models(names)
			if err != nil {
				return err
			}
			if asJSON {
				return listJSON(cmd.OutOrStdout(), models)
			}
			return listModels(cmd.OutOrStdout(), models, len(names) > 0)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "a JSON object a line, with all files")
	return cmd
}

// listed is a line of `models list --json`.
type listed struct {
	fetch.Model
	Installed fetch.State `json:"installed"`
	Path      string      `json:"path,omitempty"`
}

func listJSON(w io.Writer, models []fetch.Model) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, model := range models {
		dir, err := model.Dir()
		if err != nil {
			return err
		}
		if err := enc.Encode(listed{model, model.State(), dir}); err != nil {
			return err
		}
	}
	return nil
}

// megabytes is the size of a model's files, "2350+" where that of some is unknown.
func megabytes(model fetch.Model) string {
	size, all := model.Size()
	switch text := fmt.Sprintf("%.0f", float64(size)/1e6); {
	case all:
		return text
	case size < 1e6:
		return "-"
	default:
		return text + "+"
	}
}

// listModels writes the table; full adds what else the catalog says of each.
func listModels(w io.Writer, models []fetch.Model, full bool) error {
	t := report.Table{Header: []string{"name", "here", "kind", "encoder", "dim", "MB", "good for"}}
	for _, model := range models {
		dim := "-"
		if model.Dim > 0 {
			dim = fmt.Sprint(model.Dim)
		}
		purpose := model.Purpose
		if len(models) > 1 {
			purpose = shorten(purpose, 64)
		}
		t.Rows = append(t.Rows, []string{model.Name, string(model.State()), model.Kind, model.Encoder, dim, megabytes(model), purpose})
	}
	if err := t.Write(w); err != nil || !full {
		return err
	}
	for _, model := range models {
		dir, err := model.Dir()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s\n  license  %s\n  source   %s\n  folder   %s\n", model.Name, model.License, model.Source, dir)
		for _, f := range model.Files {
			fmt.Fprintf(w, "  file     %s", f.Name)
			if f.Size > 0 {
				fmt.Fprintf(w, "  %d bytes", f.Size)
			}
			fmt.Fprintf(w, "\n           %s\n", f.URL)
			if f.SHA256 != "" {
				fmt.Fprintf(w, "           sha256:%s\n", f.SHA256)
			}
		}
		if model.Convert != "" {
			fmt.Fprintf(w, "  then, to make %s\n%s\n", strings.Join(model.Makes, ", "), indent(model.Convert, "    "))
		}
	}
	return nil
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}

func (m *modelsFlags) newPull() *cobra.Command {
	from := ""
	cmd := &cobra.Command{
		Use:   "pull NAME...",
		Short: "Fetch models",
		Long: "Fetches the files of models that are not there yet. A pull that was interrupted goes on\n" +
			"where it stopped. Sizes and hashes are compared with the catalog's; hashes that it does\n" +
			"not know are recorded, and compared from then on.\n\n" +
			"--from FOLDER takes the files from a folder, FOLDER/NAME/FILE or FOLDER/FILE, such as one\n" +
			"that another machine's tall models path prints.",
		Args: takes(1, math.MaxInt, "the NAME of a model (tall models list)"),
		RunE: func(cmd *cobra.Command, names []string) error {
			con, err := m.console(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			models, err := m.models(names)
			if err != nil {
				return err
			}
			for _, model := range models {
				if err := pull(cmd, con, model, from); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "folder to copy the files from instead of the network")
	return cmd
}

// pull fetches one model and says what it is, and where.
func pull(cmd *cobra.Command, con *console, model fetch.Model, from string) error {
	var bar *progress
	defer func() {
		if bar != nil {
			bar.finish()
		}
	}()
	dir, err := fetch.Pull(cmd.Context(), model, fetch.PullOptions{
		From: from,
		File: func(f fetch.ModelFile) {
			if bar != nil {
				bar.finish()
			}
			bar = con.progress(model.Name+" "+f.Name, unitBytes)
		},
		Options: fetch.Options{Progress: func(done, total int64) { bar.set(int(done), int(total), "") }},
	})
	if err != nil {
		return err
	}
	if bar != nil {
		bar.finish()
	}
	con.Info("the model is on this machine", "model", model.Name, "folder", dir, "license", model.License)
	if model.State() == fetch.Unmade {
		con.Warn(fmt.Sprintf("%s must be converted once before an encoder can read it, to make %s\n%s", model.Name, strings.Join(model.Makes, ", "), indent(model.Convert, "  ")))
	}
	return nil
}

func (m *modelsFlags) newVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [NAME...]",
		Short: "Read the files of models again and compare their hashes",
		Long: "Reads the files of models, of all on this machine where none is named, and compares their\n" +
			"SHA-256 with the catalog's, or with what was recorded when they were fetched. Exits with\n" +
			"1 if a file is missing or another one.",
		Args: takes(0, math.MaxInt, ""),
		RunE: func(cmd *cobra.Command, names []string) error {
			models, err := m.models(names)
			if err != nil {
				return err
			}
			return verifyModels(cmd, models, len(names) > 0)
		},
	}
}

func verifyModels(cmd *cobra.Command, models []fetch.Model, named bool) error {
	t := report.Table{Header: []string{"model", "file", "verdict"}}
	var bad []error
	for _, model := range models {
		if !named && model.State() == fetch.Absent {
			continue
		}
		files, err := fetch.Verify(cmd.Context(), model)
		if err != nil {
			return err
		}
		for _, f := range files {
			verdict := "not compared: its hash was never recorded; sha256:" + f.SHA256
			switch {
			case f.Err != nil:
				verdict = "BAD"
				bad = append(bad, f.Err)
			case f.Known == "catalog":
				verdict = "as in the catalog"
			case f.Known != "":
				verdict = "as it was fetched"
			}
			t.Rows = append(t.Rows, []string{model.Name, f.Name, verdict})
		}
	}
	if len(t.Rows) == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "no model is on this machine")
		return nil
	}
	if err := t.Write(cmd.OutOrStdout()); err != nil {
		return err
	}
	for _, err := range bad {
		fmt.Fprintln(cmd.ErrOrStderr(), "tall:", err)
	}
	if bad != nil {
		return errSilent
	}
	return nil
}

func (m *modelsFlags) newPath() *cobra.Command {
	return &cobra.Command{
		Use:   "path NAME",
		Short: "Print the folder of a model, for scripts",
		Long: "Prints the folder of a model's files. Exits with 1, and says why, unless all that an\n" +
			"encoder reads is there; the folder is printed in any case.",
		Args: takes(1, 1, "the NAME of a model (tall models list)"),
		RunE: func(cmd *cobra.Command, names []string) error {
			models, err := m.models(names)
			if err != nil {
				return err
			}
			dir, err := models[0].Dir()
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), dir)
			_, err = models[0].Ready()
			return err
		},
	}
}
