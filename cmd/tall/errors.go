package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tall/config"
)

// errSilent ends a command with exit code 1 when everything was already said.
var errSilent = errors.New("")

// interrupted is why a context ended: a signal of the user or the system. To
// errors.Is it is a canceled context.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string {
	if i.signal == os.Interrupt {
		return "interrupted"
	}
	return "ended by the system (" + i.signal.String() + ")"
}

func (interrupted) Is(target error) bool { return target == context.Canceled }

// printError writes the one error that a command ends with: a line for people,
// or a JSON object where the log is JSON.
func (g *global) printError(w io.Writer, err error) {
	if errors.Is(err, errSilent) {
		return
	}
	text := err.Error()
	if errors.Is(err, syscall.ENOSPC) {
		text += "; the disk is full: make room and run again"
	}
	// A package that asked its context only that it has ended says so in Go's words.
	text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	if g.logFormat == "json" {
		slog.New(slog.NewJSONHandler(w, nil)).Error(text)
		return
	}
	red := lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	lipgloss.Fprintln(w, red.Render("tall:")+" "+text)
}

// flagError says in the user's words what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	var lacking *pflag.ValueRequiredError
	switch {
	case errors.As(err, &value):
		f := value.GetFlag()
		return fmt.Errorf("--%s %s: give %s", f.Name, value.GetValue(), wanted(f))
	case errors.As(err, &lacking):
		return fmt.Errorf("--%s has no value: give %s", lacking.GetSpecifiedName(), wanted(lacking.GetFlag()))
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("there is no flag --%s%s (%s --help lists them)", unknown.GetSpecifiedName(), config.Meant(unknown.GetSpecifiedName(), names), cmd.CommandPath())
	}
	if unknown != nil {
		// A file such as -take2.mp4 looks like flags.
		if name := "-" + unknown.GetSpecifiedShortnames(); exists(name) {
			return fmt.Errorf("%s is taken for flags: write .%c%s for the file of that name", name, filepath.Separator, name)
		}
	}
	return fmt.Errorf("%w (%s --help lists the flags)", err, cmd.CommandPath())
}

// wanted names what a flag takes.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int":
		return "a whole number"
	case "uint64":
		return "a whole number of 0 or more"
	case "float", "float64":
		return "a number"
	case "bool", "True|False":
		return "True or False"
	case "duration":
		return "a time such as 30s, 5m or 1h"
	}
	return "a " + f.Value.Type()
}

// takes checks the number of a command's arguments. what names them: "IN OUT",
// or "" where there are none.
func takes(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) >= least && len(args) <= most:
			return nil
		case most == 0:
			return fmt.Errorf("%s takes flags alone, not %q (%s --help lists them)", cmd.CommandPath(), args[0], cmd.CommandPath())
		case len(args) < least:
			return fmt.Errorf("%s needs %s", cmd.CommandPath(), what)
		}
		return fmt.Errorf("%s takes %s, and no %q", cmd.CommandPath(), what, args[most])
	}
}
