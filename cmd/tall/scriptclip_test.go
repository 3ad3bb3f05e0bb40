package main

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"tall/weights"
)

// Of the model that clipmodel writes.
const (
	clipWidth  = 16
	clipSpace  = 8 // projection
	clipSide   = 32
	clipPatch  = 16
	clipTokens = 77
	clipNote   = 6 // the place of a constant in frames, without which gray would be a color
)

// clipmodel DIR writes a CLIP model that knows colors: the image tower tells the mean
// color of a frame, and the words red, green, blue and yellow have the same vectors. All
// other tokens lie somewhere else, with a little chance color.
func scriptClipModel(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "clipmodel DIR")
	ts.Check(writeClipModel(ts.MkAbs(args[0])))
}

func writeClipModel(dir string) error {
	words := []string{"red", "green", "blue", "yellow"}
	names, merges := clipVocabulary(words)
	vocabulary := map[string]int{}
	for i, name := range names {
		vocabulary[name] = i
	}
	with := func(more map[string]any) map[string]any {
		tower := map[string]any{"hidden_size": clipWidth, "intermediate_size": clipWidth, "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_act": "quick_gelu"}
		maps.Copy(tower, more)
		return tower
	}
	text, err := json.Marshal(vocabulary)
	config, err2 := json.Marshal(map[string]any{
		"model_type": "clip", "projection_dim": clipSpace,
		"text_config":   with(map[string]any{"vocab_size": len(names), "max_position_embeddings": clipTokens, "eos_token_id": len(names) - 1}),
		"vision_config": with(map[string]any{"image_size": clipSide, "patch_size": clipPatch}),
	})
	return errors.Join(
		err, err2,
		os.MkdirAll(dir, 0o755),
		os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644),
		os.WriteFile(filepath.Join(dir, "vocab.json"), text, 0o644),
		os.WriteFile(filepath.Join(dir, "merges.txt"), []byte("#version: 0.2\n"+strings.Join(merges, "\n")+"\n"), 0o644),
		weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), &weights.File{Tensors: colorTowers(names, words)}),
	)
}

// clipVocabulary are the bytes, the bytes at ends of words, and what it takes to join
// the words.
func clipVocabulary(words []string) (names, merges []string) {
	var other int
	for b := range 256 { // CLIP's names of bytes
		switch {
		case b >= 33 && b <= 126 || b >= 161 && b <= 172 || b >= 174:
			names = append(names, string(rune(b)))
		default:
			names = append(names, string(rune(256+other)))
			other++
		}
	}
	for _, name := range names[:256] {
		names = append(names, name+"</w>")
	}
	for _, word := range words {
		joined := word[:1]
		for i := 1; i < len(word); i++ {
			next := word[i : i+1]
			if i == len(word)-1 {
				next += "</w>"
			}
			merges = append(merges, joined+" "+next)
			if joined += next; !slices.Contains(names, joined) {
				names = append(names, joined)
			}
		}
	}
	return append(names, "<|startoftext|>", "<|endoftext|>"), merges
}

// signed writes a value and its opposite, so that layer norm, which takes the mean off,
// leaves them as they are but for their scale.
func signed(row []float32, place int, v float32) { row[2*place], row[2*place+1] = v, -v }

func colorTowers(names, words []string) []weights.Tensor {
	rng := rand.New(rand.NewPCG(11, 12))
	var out []weights.Tensor
	add := func(name string, data []float32, shape ...int) {
		out = append(out, weights.Tensor{Name: name, Shape: shape, Data: data})
	}
	filled := func(n int, v float32) []float32 { return slices.Repeat([]float32{v}, n) }
	identity := filled(clipWidth*clipWidth, 0)
	for i := range clipWidth {
		identity[i*clipWidth+i] = 1
	}
	layer := func(prefix string) { // attention to all alike, which is their mean; no more
		for _, name := range []string{"q", "k", "v", "out"} {
			m := filled(clipWidth*clipWidth, 0)
			if name == "v" || name == "out" {
				m = identity
			}
			add(prefix+"self_attn."+name+"_proj.weight", m, clipWidth, clipWidth)
			add(prefix+"self_attn."+name+"_proj.bias", filled(clipWidth, 0), clipWidth)
		}
		for _, name := range []string{"fc1", "fc2"} {
			add(prefix+"mlp."+name+".weight", filled(clipWidth*clipWidth, 0), clipWidth, clipWidth)
			add(prefix+"mlp."+name+".bias", filled(clipWidth, 0), clipWidth)
		}
	}
	norm := func(name string) {
		add(name+".weight", filled(clipWidth, 1), clipWidth)
		add(name+".bias", filled(clipWidth, 0), clipWidth)
	}
	positions := func(name string, n int, note float32) {
		p := filled(n*clipWidth, 0)
		for i := range n {
			signed(p[i*clipWidth:], clipNote, note)
		}
		add(name, p, n, clipWidth)
	}
	projection := func(name string) {
		m := filled(clipSpace*clipWidth, 0)
		for i := range clipSpace {
			m[i*clipWidth+2*i] = 1
		}
		add(name, m, clipSpace, clipWidth)
	}
	layer("text_model.encoder.layers.0.")
	norm("text_model.encoder.layers.0.layer_norm1")
	norm("text_model.encoder.layers.0.layer_norm2")
	norm("text_model.final_layer_norm")
	positions("text_model.embeddings.position_embedding.weight", clipTokens, 0)
	projection("text_projection.weight")
	layer("vision_model.encoder.layers.0.")
	norm("vision_model.encoder.layers.0.layer_norm1")
	norm("vision_model.encoder.layers.0.layer_norm2")
	norm("vision_model.pre_layrnorm")
	norm("vision_model.post_layernorm")
	positions("vision_model.embeddings.position_embedding.weight", 1+(clipSide/clipPatch)*(clipSide/clipPatch), 1)
	projection("visual_projection.weight")
	add("vision_model.embeddings.class_embedding", filled(clipWidth, 0), clipWidth)
	patch := filled(clipWidth*3*clipPatch*clipPatch, 0)
	for channel := range 3 {
		for i := range clipPatch * clipPatch {
			patch[(2*channel*3+channel)*clipPatch*clipPatch+i] = 1. / (clipPatch * clipPatch)
			patch[((2*channel+1)*3+channel)*clipPatch*clipPatch+i] = -1. / (clipPatch * clipPatch)
		}
	}
	add("vision_model.embeddings.patch_embedding.weight", patch, clipWidth, 3, clipPatch, clipPatch)
	// Mean colors of the scenes as the preparation gives them.
	colors := map[string][3]float32{"red": {1.9, -1.7, -1.5}, "green": {-1.6, 1.8, -1.3}, "blue": {-1.8, -1.7, 2.1}, "yellow": {1.8, 1.7, -1.4}}
	embedding := filled(len(names)*clipWidth, 0)
	for i, name := range names {
		row := embedding[i*clipWidth:]
		word := strings.TrimSuffix(name, "</w>")
		for channel := range 3 {
			if slices.Contains(words, word) {
				signed(row, channel, colors[word][channel])
			} else if i < len(names)-2 {
				signed(row, channel, 0.05*float32(rng.NormFloat64()))
			}
		}
		if !slices.Contains(words, word) && i < len(names)-2 {
			signed(row, 3, float32(rng.NormFloat64()))
			signed(row, 4, float32(rng.NormFloat64()))
		}
	}
	add("text_model.embeddings.token_embedding.weight", embedding, len(names), clipWidth)
	add("logit_scale", []float32{4.6}, 1)
	return out
}
