package calibrate_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tall"
	"tall/calibrate"
	"tall/feature"
	"tall/internal/shared"
	"tall/model/contrast"
	"tall/numpy"
)

// texts are the CLIP vectors of the class names of LVIS and Objects365, "a" + name: the
// names of the first are known.
func texts(t *testing.T) (all []tall.Sentence, index map[string]int) {
	t.Helper()
	dir := shared.Path(t, "features/clip-vitb32-class-text")
	for _, file := range []string{"lvis_v1_clip_a+cname.npy", "o365_clip_a+cnamefix.npy"} {
		vectors, err := numpy.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		values, d := vectors.Float32(), vectors.Shape[1]
		for i := range vectors.Shape[0] {
			all = append(all, tall.Sentence{Vector: values[i*d : (i+1)*d]})
		}
	}
	info, err := os.ReadFile(filepath.Join(dir, "lvis_v1_train_cat_info.json"))
	if err != nil {
		t.Fatal(err)
	}
	var classes []struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal(info, &classes); err != nil {
		t.Fatal(err)
	}
	index = map[string]int{}
	for _, c := range classes {
		index[c.Name] = c.ID - 1
		all[c.ID-1].Text = c.Name
	}
	return all, index
}

func prepared(t *testing.T, path string) tall.Prepared {
	t.Helper()
	tracks, err := feature.OpenTracks(path, feature.TrackOptions{Times: feature.Times{Stride: 2}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := tracks.Features(tracks.Videos()[0])
	if err != nil {
		t.Fatal(err)
	}
	p, err := contrast.New(contrast.Options{}).Prepare(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Three real videos with CLIP features: the sentences that fit are above the default
// threshold, and of 1,400 others, each calibrated with a bank of 96 that does not hold it,
// no more pass than it promises, though some of them do fit the video.
func TestConfidence_RealCLIP(t *testing.T) {
	all, index := texts(t)
	query, err := numpy.ReadNPZ(filepath.Join(shared.Path(t, "features/qvhighlights-qid5263"), "clip_text_qid5263.npz"))
	if err != nil {
		t.Fatal(err)
	}
	const banks = 20
	for _, c := range []struct {
		path     string
		matching []tall.Sentence
		least    int // matches over 20 banks and all matching sentences
	}{
		{"features/qvhighlights-qid5263/clip_video_qtyBzFV9yTs_60.0_210.0.npz", []tall.Sentence{{Text: "Animation of the planet earth with some letters appearing on it", Vector: query["pooler_output"].Float32()}}, banks},
		{"features/table-tennis-clip/vid.npz", []tall.Sentence{all[index["table-tennis_table"]]}, banks},
		// At the edge: the doorknob is small, and 15 rows are few.
		{"features/charades-Y1HGC-clip/vid.npz", []tall.Sentence{all[index["doorknob"]]}, banks * 3 / 4},
	} {
		p := prepared(t, shared.Path(t, c.path))
		scores, err := calibrate.Best(t.Context(), p, all, nil)
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := calibrate.Best(t.Context(), p, c.matching, nil)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(5, 6))
		matches, alarms, asked := 0, 0, 0
		lowest := 1.0
		for range banks {
			order := rng.Perm(len(scores))
			bank := make([]float64, 96)
			for i := range bank {
				bank[i] = scores[order[i]]
			}
			null := calibrate.Fit(bank)
			for _, s := range wanted {
				lowest = min(lowest, null.Confidence(s))
				if null.Confidence(s) >= calibrate.DefaultConfidence {
					matches++
				}
			}
			for _, i := range order[len(bank):] {
				if slices.Contains(wanted, scores[i]) {
					continue
				}
				if asked++; null.Confidence(scores[i]) >= calibrate.DefaultConfidence {
					alarms++
				}
			}
		}
		t.Logf("%s: %q matches with %d of %d banks (lowest confidence %.4f); of %d unrelated questions %d match, %.1f %%",
			filepath.Dir(c.path), c.matching[0].Text, matches, banks, lowest, asked, alarms, 100*float64(alarms)/float64(asked))
		if matches < c.least {
			t.Errorf("%s: %d matches, want %d", c.path, matches, c.least)
		}
		if float64(alarms) > (1-calibrate.DefaultConfidence)*float64(asked) {
			t.Errorf("%s: %d of %d unrelated questions match", c.path, alarms, asked)
		}
	}
}
