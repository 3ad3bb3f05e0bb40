// Command tall finds the moment in a video that a sentence describes.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"charm.land/fang/v2"
	"charm.land/lipgloss/v2"

	"tall/train"
)

// version of the program; see CHANGELOG.md.
const version = "0.1.0"

// Exit codes beside 0.
const (
	exitFailed      = 1   // an error, or an answer that is 'no' (doctor, demo)
	exitInterrupted = 130 // Ctrl-C: 128 + SIGINT, as shells have it
)

func main() {
	os.Exit(Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// Main is the whole program, for tests too: arguments and streams in, exit code out.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends at once: the first one is then no longer caught.
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := fang.Execute(ctx, root, fang.WithVersion(version), fang.WithErrorHandler(printError))
	switch {
	case err == nil:
		return 0
	case errors.Is(err, train.ErrStopped), errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

// errSilent ends a command with exit code 1 when everything was already said.
var errSilent = errors.New("")

func printError(w io.Writer, _ fang.Styles, err error) {
	if errors.Is(err, errSilent) {
		return
	}
	red := lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	lipgloss.Fprintln(w, red.Render("tall:")+" "+err.Error())
}
