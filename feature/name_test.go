package feature

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tall"
)

func TestParseName(t *testing.T) {
	for name, want := range map[string]struct {
		video      string
		start, end int
	}{
		"s27-d50.avi_1_129.npy":         {"s27-d50.avi", 1, 129},
		"s27-d50.avi_1_129":             {"s27-d50.avi", 1, 129},
		"a_b_3_4_5_69.npy":              {"a_b_3_4", 5, 69},
		"my video (1).mp4_0_64.npy":     {"my video (1).mp4", 0, 64},
		"__1_2.npy":                     {"_", 1, 2},
		"видео.й_10_20.npy":             {"видео.й", 10, 20},
		"x_007_0129.npy":                {"x", 7, 129},
		"x.npy_1_2.npy":                 {"x.npy", 1, 2},
		"v_2147483646_2147483647.npy":   {"v", 2147483646, 2147483647},
		"s27-d50.avi_00000000001_2.npy": {"s27-d50.avi", 1, 2},
	} {
		video, start, end, err := ParseName(name)
		if err != nil || video != want.video || start != want.start || end != want.end {
			t.Errorf("%s: %q %d %d %v, want %v", name, video, start, end, err, want)
		}
	}
}

func TestParseName_Refuses(t *testing.T) {
	for name, says := range map[string]string{
		"":                            "no span",
		".npy":                        "no span",
		"video.npy":                   "no span",
		"video_1.npy":                 "no span",
		"1_2.npy":                     "no span",
		"_1_2.npy":                    "no video id",
		"v_1_x.npy":                   "no span",
		"v_-1_2.npy":                  "no span",
		"v_1_+2.npy":                  "no span",
		"v_1_2_.npy":                  "no span",
		"v_1_2.NPY":                   "no span",
		"v_1.5_2.npy":                 "no span",
		"v_١_٢.npy":                   "no span",
		"v_129_1.npy":                 "end before start",
		"v_5_5.npy":                   "end before start",
		"v_1_2147483648.npy":          "above 2147483647",
		"v_1_99999999999999999999999": "above 2147483647",
		"v\xff_1_2.npy":               "not UTF-8",
		"v\x1b[2J_1_2.npy":            "control characters",
	} {
		if _, _, _, err := ParseName(name); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: error %v, want %q", name, err, says)
		}
	}
	// A reversed clip is carried: TALL's evaluation scores it as it is.
	if video, start, end, err := SplitName("v_129_1"); err != nil || video != "v" || start != 129 || end != 1 {
		t.Errorf("%q %d %d %v", video, start, end, err)
	}
}

func TestFileName_RoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		video := rapid.StringMatching(`[\pL\d_. -]+`).Draw(t, "video")
		start := rapid.IntRange(0, 1<<31-2).Draw(t, "start")
		end := rapid.IntRange(start+1, 1<<31-1).Draw(t, "end")
		v, s, e, err := ParseName(FileName(video, start, end))
		if err != nil || v != video || s != start || e != end {
			t.Fatalf("%q %d %d %v", v, s, e, err)
		}
	})
}

func FuzzSpanName(f *testing.F) {
	for _, name := range []string{"s27-d50.avi_1_129.npy", "a_b_3_4_5_69", "v_129_1.npy", "_1_2", "v_1_99999999999", "\xff_1_2.npy", "v__1_2.npy"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		video, start, end, err := ParseName(name)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if video == "" || start < 0 || end <= start {
			t.Fatalf("%q: %q %d %d", name, video, start, end)
		}
		v, s, e, err := ParseName(FileName(video, start, end))
		if err != nil || v != video || s != start || e != end {
			t.Fatalf("%q: %q %d %d %v", name, v, s, e, err)
		}
	})
}
