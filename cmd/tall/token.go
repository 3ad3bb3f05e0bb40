package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"tall"
	"tall/library/sqlite"
	"tall/report"
	"tall/server"
)

func newToken(g *global) *cobra.Command {
	l := &libraryFlags{global: g}
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and remove the tokens that `tall serve` takes",
		Long: "A token lets somebody use the server of a library from another machine. It is shown\n" +
			"once; the library's folder keeps its hash alone. A server that runs learns of new and\n" +
			"removed tokens within a second.",
		Example: "tall token new laptop\ntall token new editor --scope write\ntall token remove laptop",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	l.register(cmd)
	var scope string
	add := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a token and show it, once",
		Args:  takes(1, 1, "NAME"),
		RunE:  func(cmd *cobra.Command, args []string) error { return l.newToken(cmd, args[0], scope) },
	}
	add.Flags().StringVar(&scope, "scope", string(server.Read), "what it allows: read (list, search, watch) or write (add, delete, judge as well)")
	cmd.AddCommand(add, &cobra.Command{
		Use:   "list",
		Short: "List the tokens by name",
		Args:  takes(0, 0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return l.listTokens(cmd) },
	}, &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a token; its sessions end",
		Args:  takes(1, 1, "NAME"),
		RunE:  func(cmd *cobra.Command, args []string) error { return l.removeToken(cmd, args[0]) },
	})
	return cmd
}

// tokens reads the library's tokens and tells where they lie.
func (l *libraryFlags) tokens() (ts server.Tokens, path string, err error) {
	dir, err := l.dir()
	if err != nil {
		return nil, "", err
	}
	if !exists(filepath.Join(dir, sqlite.FileName)) {
		return nil, "", fmt.Errorf("%w: no library in %s; `tall index add VIDEO...` makes one", tall.ErrMissing, dir)
	}
	path = filepath.Join(dir, tokensName)
	ts, err = server.ReadTokens(path)
	return ts, path, err
}

func (l *libraryFlags) newToken(cmd *cobra.Command, name, scope string) error {
	ts, path, err := l.tokens()
	if err != nil {
		return err
	}
	t, secret, err := server.NewToken(name, server.Scope(scope))
	if err != nil {
		return err
	}
	if _, taken := ts.Without(t.Name); taken {
		return fmt.Errorf("there is a token %q already; `tall token remove` removes it", t.Name)
	}
	if err := server.WriteTokens(path, append(ts, t)); err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "This token is shown once; it cannot be read again from anywhere:")
	fmt.Fprintln(cmd.OutOrStdout(), secret)
	return nil
}

func (l *libraryFlags) listTokens(cmd *cobra.Command) error {
	ts, _, err := l.tokens()
	if err != nil {
		return err
	}
	table := report.Table{Header: []string{"name", "scope", "made"}}
	for _, t := range ts {
		table.Rows = append(table.Rows, []string{t.Name, string(t.Scope), t.Created.Local().Format(time.DateTime)})
	}
	return table.Write(cmd.OutOrStdout())
}

func (l *libraryFlags) removeToken(cmd *cobra.Command, name string) error {
	ts, path, err := l.tokens()
	if err != nil {
		return err
	}
	left, found := ts.Without(name)
	if !found {
		return fmt.Errorf("%w: there is no token %q; `tall token list` shows those there are", tall.ErrMissing, name)
	}
	return server.WriteTokens(path, left)
}
