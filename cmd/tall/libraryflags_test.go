package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"tall"
	"tall/library"
	"tall/library/sqlite"
)

// Videos whose files are gone have IDs alone; when several begin alike, they are told by these.
func TestLibraryVideo_Gone(t *testing.T) {
	c, err := sqlite.OpenCatalog(t.Context(), filepath.Join(t.TempDir(), sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 2 {
		id := library.ID(fmt.Sprintf("sha256-%064d", i))
		err := c.Update(t.Context(), id, func(v *library.Video, _ bool) (bool, error) {
			v.State = library.Missing
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = libraryVideo(t.Context(), &sqlite.Library{Catalog: c}, "sha256-000")
	if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), fmt.Sprintf("%064d", 1)) {
		t.Error(err)
	}
	if v, err := libraryVideo(t.Context(), &sqlite.Library{Catalog: c}, fmt.Sprintf("sha256-%064d", 1)); err != nil || v.State != library.Missing {
		t.Error(v, err)
	}
}
