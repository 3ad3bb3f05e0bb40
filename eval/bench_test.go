package eval

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"tall"
	"tall/dataset"
)

// generated writes n lines of k windows in the form of QVHighlights or ours, and
// returns the truth that belongs to them.
func generated(n, k, clips int, ours bool) ([]byte, *dataset.Corpus) {
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	c := &dataset.Corpus{Name: dataset.QVHighlights}
	span := func() tall.Span {
		start := rng.Float64() * 120
		return tall.Span{Start: start, End: start + rng.Float64()*30}
	}
	for i := range n {
		id, video := fmt.Sprint(i), fmt.Sprintf("v%d", i/5)
		c.Examples = append(c.Examples, tall.Example{ID: id, Video: video, Duration: 150, FPS: 1, Sentence: tall.Sentence{Text: "a person does something"}, Truth: []tall.Span{span()}})
		if ours {
			fmt.Fprintf(&b, `{"id":"%s","video":"%s","sentence":"a person does something","moments":[`, id, video)
		} else {
			fmt.Fprintf(&b, `{"qid": %s, "query": "a person does something", "vid": "%s", "pred_relevant_windows": [`, id, video)
		}
		for j := range k {
			s, score := span(), 1-float64(j)/float64(k)
			if j > 0 {
				b.WriteString(",")
			}
			if ours {
				fmt.Fprintf(&b, `{"start":%v,"end":%v,"score":%v}`, s.Start, s.End, score)
			} else {
				fmt.Fprintf(&b, "[%.2f, %.2f, %.4f]", s.Start, s.End, score)
			}
		}
		b.WriteString("]")
		if clips > 0 {
			if c.Saliency == nil {
				c.Saliency = map[string]dataset.Saliency{}
			}
			s := dataset.Saliency{ClipLen: 2}
			b.WriteString(`, "pred_saliency_scores": [`)
			for j := range clips {
				if j > 0 {
					b.WriteString(", ")
				}
				fmt.Fprintf(&b, "%.6f", rng.Float64())
				if j%4 == 0 {
					s.Clips = append(s.Clips, j)
					s.Scores = append(s.Scores, []float64{float64(rng.IntN(5)), float64(rng.IntN(5)), float64(rng.IntN(5))})
				}
			}
			c.Saliency[id] = s
			b.WriteString("]")
		}
		b.WriteString("}\n")
	}
	return b.Bytes(), c
}

func benchmarkScore(b *testing.B, protocol string, data []byte, c *dataset.Corpus) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		file, err := decodeFile(struct{ io.Reader }{bytes.NewReader(data)}, "p.jsonl", PredictionOptions{})
		if err != nil {
			b.Fatal(err)
		}
		predictions, err := file.Join(c)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Score(protocol, c, predictions, ScoreOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScore_QVHighlights is the size of QVHighlights' validation split: 1,550
// queries, 10 windows and 75 saliency scores each. Aim: under 0.5 s.
func BenchmarkScore_QVHighlights(b *testing.B) {
	data, c := generated(1550, 10, 75, false)
	benchmarkScore(b, ProtocolMomentDETR, data, c)
}

// BenchmarkScore_Large is 100,000 queries of 100 windows each. Aim: under 5 s, in
// less than 1 GB, here beside the file itself.
func BenchmarkScore_Large(b *testing.B) {
	for _, ours := range []bool{true, false} {
		data, c := generated(100_000, 100, 0, ours)
		for _, protocol := range []string{ProtocolTALL, Protocol2DTAN, ProtocolVSLNet, ProtocolStrict, ProtocolMomentDETR} {
			b.Run(fmt.Sprintf("ours=%v/%s", ours, protocol), func(b *testing.B) { benchmarkScore(b, protocol, data, c) })
		}
	}
}
