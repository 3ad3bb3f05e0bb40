package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tall/library"
)

// What SQL selects is what the filter takes.
func TestCatalog_FilterIsTakes(t *testing.T) {
	c, _ := open(t)
	day := func(n int) time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n) }
	folders := []string{"/a", "/a/b", "/ab", "/A/b", "/café", "/CAFÉ/x", "/100%", "/a_b", "/K"}
	states := []library.State{library.Ready, library.Waiting, library.Missing, library.Damaged}
	var all []library.Video
	for i := range 60 {
		v := library.Video{
			ID: library.ID(fmt.Sprintf("sha256-%064d", i)), Facts: library.Facts{Duration: float64(i%7) * 10},
			State: states[i%len(states)], Added: day(i), Modified: day(i % 11),
		}
		for k := range i % 3 {
			v.Paths = append(v.Paths, filepath.Join(folders[(i+k)%len(folders)], fmt.Sprintf("Clip%d_%d.MP4", i, k)))
		}
		if len(v.Paths) == 0 {
			v.Modified = time.Time{}
		}
		err := c.Update(t.Context(), v.ID, func(have *library.Video, _ bool) (bool, error) {
			*have = v
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	rapid.Check(t, func(rt *rapid.T) {
		var f library.Filter
		some := func(name string) bool { return rapid.IntRange(0, 2).Draw(rt, name) == 0 }
		if some("ids") {
			f.IDs = []library.ID{}
			for range rapid.IntRange(0, 20).Draw(rt, "ids") {
				f.IDs = append(f.IDs, library.ID(fmt.Sprintf("sha256-%064d", rapid.IntRange(0, 70).Draw(rt, "id"))))
			}
		}
		if some("path") {
			if paths := rapid.SampledFrom(all).Draw(rt, "of").Paths; len(paths) > 0 {
				f.Path = paths[len(paths)-1]
			}
		}
		if some("folder") {
			f.Folder = rapid.SampledFrom(append(folders, "/", "/a/", "/caf", "%")).Draw(rt, "folder")
		}
		if some("text") {
			f.Text = rapid.SampledFrom([]string{"clip", "CLIP1", "é", "CAFÉ", "%", "_", "k", "K", "/b/", "nothing", "'", "*"}).Draw(rt, "text")
		}
		if some("states") {
			f.States = rapid.SliceOf(rapid.SampledFrom(states)).Draw(rt, "states")
		}
		dates := []time.Time{day(0), day(3), day(5).Add(time.Nanosecond), day(20), time.Unix(-1, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC)}
		if some("after") {
			f.After = rapid.SampledFrom(dates).Draw(rt, "after")
		}
		if some("before") {
			f.Before = rapid.SampledFrom(dates).Draw(rt, "before")
		}
		if some("min") {
			f.MinDuration = rapid.Float64Range(0, 70).Draw(rt, "min")
		}
		if some("max") {
			f.MaxDuration = float64(rapid.IntRange(0, 7).Draw(rt, "max") * 10)
		}
		var got, want []library.ID
		for v, err := range c.Videos(t.Context(), f) {
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, v.ID)
		}
		for _, v := range all {
			if f.Takes(v) {
				want = append(want, v.ID)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			rt.Fatalf("%+v selects %d videos, takes %d", f, len(got), len(want))
		}
	})
}

// What a catalog is told of a video it tells again; one of the first schema is brought to
// this one.
func TestCatalog_Update(t *testing.T) {
	c, _ := open(t)
	day := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	want := library.Video{
		ID: "sha256-1", Paths: []string{"/b", "/a"}, Size: 5, Modified: day, Added: day.Add(1), State: library.Failed, Reason: "why",
		Facts: library.Facts{Duration: 1.5, Width: 2, Height: 3, FPSNum: 30000, FPSDen: 1001, Audio: true},
		Features: []library.Features{{
			Encoder: "e", State: library.Ready, Rows: 7, Hash: "h", Reason: "r",
			Calibration: map[string]library.Calibration{"l": {Best: library.BankScores{1, 2}}},
		}},
	}
	if err := c.Update(t.Context(), want.ID, func(v *library.Video, _ bool) (bool, error) {
		*v = want
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	same := func(c *Catalog) {
		t.Helper()
		for v, err := range c.Videos(t.Context(), library.Filter{}) {
			if diff := cmp.Diff(want, v); err != nil || diff != "" {
				t.Error(err, diff)
			}
		}
		if err := c.Update(t.Context(), want.ID, func(v *library.Video, found bool) (bool, error) {
			if diff := cmp.Diff(want, *v); !found || diff != "" {
				t.Error(found, diff)
			}
			return found, nil
		}); err != nil {
			t.Error(err)
		}
	}
	same(c)
	for _, old := range []string{"ALTER TABLE video DROP COLUMN audio", "PRAGMA user_version = 1"} {
		if _, err := c.db.ExecContext(t.Context(), old); err != nil {
			t.Fatal(err)
		}
	}
	again, err := OpenCatalog(t.Context(), c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	want.Audio = false
	same(again)
}
