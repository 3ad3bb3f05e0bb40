package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tall"
	"tall/tensor"
)

// published are the config.json of published models, as far as sizes go: in the form in
// which they are written today, in that of OpenAI's first files (both parts twice), and
// with what is left out at its default.
func TestParseConfig_PublishedForms(t *testing.T) {
	for name, c := range map[string]struct {
		text                     string
		tokens, width, layers, d int
		end                      int
		act                      tensor.Activation
	}{
		"ViT-B/32, of old": {`{"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 512, "logit_scale_init_value": 2.6592,
 "text_config": {"eos_token_id": 2, "hidden_act": "quick_gelu", "vocab_size": 49408, "model_type": "clip_text_model"}, "text_config_dict": null,
 "vision_config": {"hidden_size": 768, "image_size": 224, "patch_size": 32}, "vision_config_dict": null}`, 50, 768, 12, 512, 2, tensor.QuickGELU},
		"L/14 at 336, parts twice": {
			`{"model_type": "clip", "projection_dim": 768,
 "text_config": {"hidden_size": 99}, "text_config_dict": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
 "vision_config": {}, "vision_config_dict": {"hidden_size": 1024, "image_size": 336, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14}}`,
			577, 1024, 24, 768, 49407, tensor.QuickGELU,
		},
		"TinyCLIP 8M/16": {
			`{"model_type": "clip", "projection_dim": 512, "text_config": {"eos_token_id": [49407], "hidden_act": "gelu", "hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4, "num_hidden_layers": 3},
 "vision_config": {"hidden_act": "gelu", "hidden_size": 256, "intermediate_size": 1024, "num_attention_heads": 4, "num_hidden_layers": 10, "patch_size": 16}}`,
			197, 256, 10, 512, 49407, tensor.GELU,
		},
		"all defaults": {`{"model_type": "clip"}`, 50, 768, 12, 512, 49407, tensor.QuickGELU},
	} {
		got, err := ParseConfig([]byte(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v := got.Vision
		if v.Tokens() != c.tokens || v.Width != c.width || v.Layers != c.layers || got.Projection != c.d || got.Text.EndID != c.end || v.Activation != c.act {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Text.Vocabulary != 49408 || got.Text.Positions != 77 || !got.Text.Causal || v.Causal || !v.PreNorm {
			t.Errorf("%s: %+v", name, got.Text)
		}
	}
	// 512 to 768 was said in the second part alone.
	if got, err := ParseConfig([]byte(`{"model_type": "clip", "text_config": {"hidden_size": 256}, "text_config_dict": {"num_hidden_layers": 3}}`)); err != nil || got.Text.Width != 512 {
		t.Errorf("%v, %v", got.Text.Width, err)
	}
}

func TestParseConfig_Nonsense(t *testing.T) {
	for text, says := range map[string]string{
		`[`:                      "",
		`{"model_type": "bert"}`: `model_type is "bert"`,
		`{}`:                     `model_type is ""`,
		`{"model_type": "siglip", "architectures": ["SiglipModel"]}`:                              "SiglipModel",
		`{"model_type": "clip", "projection_dim": 0}`:                                             "projection_dim is 0",
		`{"model_type": "clip", "projection_dim": 1e99}`:                                          "",
		`{"model_type": "clip", "text_config": {"vocab_size": 1000000000000}}`:                    "vocab_size",
		`{"model_type": "clip", "text_config": {"max_position_embeddings": 1}}`:                   "max_position_embeddings",
		`{"model_type": "clip", "text_config": {"hidden_size": 65536, "num_attention_heads": 1}}`: "at most",
		`{"model_type": "clip", "text_config": {"num_hidden_layers": 100000000}}`:                 "at most",
		`{"model_type": "clip", "text_config": {"num_attention_heads": 7}}`:                       "heads",
		`{"model_type": "clip", "text_config": {"eos_token_id": "x"}}`:                            "eos_token_id",
		`{"model_type": "clip", "text_config": {"eos_token_id": []}}`:                             "eos_token_id",
		`{"model_type": "clip", "text_config": []}`:                                               "text_config",
		`{"model_type": "clip", "vision_config": {"hidden_act": "swish"}}`:                        "vision_config.hidden_act",
		`{"model_type": "clip", "vision_config": {"layer_norm_eps": -1}}`:                         "epsilon",
		`{"model_type": "clip", "vision_config": {"image_size": 100000}}`:                         "image_size",
		`{"model_type": "clip", "vision_config": {"patch_size": 0}}`:                              "patch_size",
		`{"model_type": "clip", "vision_config": {"patch_size": 225}}`:                            "patch_size",
		`{"model_type": "clip", "vision_config": {"image_size": 4096, "patch_size": 2}}`:          "patches",
		`{"model_type": "clip", "vision_config": {"num_channels": 1}}`:                            "num_channels",
		`{"model_type": "clip", "vision_config": {"hidden_size": -768}}`:                          "width -768",
	} {
		if _, err := ParseConfig([]byte(text)); !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	for _, m := range readRecordedTowers(f) {
		f.Add([]byte(m.Config))
	}
	f.Add([]byte(`{"model_type": "clip", "text_config": {"eos_token_id": [3]}, "vision_config_dict": {"patch_size": 16}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseConfig(text)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if c.Vision.Tokens() < 2 || c.Vision.Tokens() > maxPlaces || c.Text.Positions < 2 {
			t.Fatalf("%+v", c)
		}
		for _, p := range append(newVision(shapes{}, c).params(), newText(shapes{}, c).params()...) {
			if p.Len() < 1 {
				t.Fatalf("%s %v", p.Name, p.Shape)
			}
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"metadata": {"total_size": 1}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}`))
	f.Add([]byte(`{"weight_map": {"a": "../x.safetensors"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseIndex(text)
		if err != nil {
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrUnsafe) {
				t.Fatal(err)
			}
			return
		}
		for _, name := range m {
			if strings.ContainsAny(name, `/\`) {
				t.Fatal(name)
			}
		}
	})
}

func TestParseIndex_BadFiles(t *testing.T) {
	many := map[string]string{}
	for i := range maxShards + 1 {
		many[fmt.Sprint(i)] = fmt.Sprintf("%d.safetensors", i)
	}
	text, err := json.Marshal(map[string]any{"weight_map": many})
	if err != nil {
		t.Fatal(err)
	}
	for text, kind := range map[string]error{
		`{`: tall.ErrFormat, `{}`: tall.ErrFormat, string(text): tall.ErrUnsafe,
		`{"weight_map": {"a": "../b.safetensors"}}`:   tall.ErrUnsafe,
		`{"weight_map": {"a": "c\\b.safetensors"}}`:   tall.ErrUnsafe,
		`{"weight_map": {"a": "pytorch_model.bin"}}`:  tall.ErrUnsafe,
		`{"weight_map": {"a": "/etc/x.safetensors"}}`: tall.ErrUnsafe,
	} {
		if _, err := parseIndex([]byte(text)); !errors.Is(err, kind) {
			t.Errorf("%.80s: %v", text, err)
		}
	}
}
