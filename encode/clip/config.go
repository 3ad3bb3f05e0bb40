package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"tall"
	"tall/nn"
)

const (
	configFile     = "config.json"
	maxConfigBytes = 1 << 20
)

// Bounds on what a configuration may ask for. The largest CLIP published has width 1664
// and 48 layers; tensors are also compared with the file before memory is taken.
const (
	maxLayers = 256
	maxWidth  = 1 << 14
	maxHidden = 1 << 16
	maxImage  = maxSide
	maxPlaces = 1 << 14 // tokens of a text or patches of a picture, and one
)

// legacyEnd is the eos_token_id of configurations that OpenAI's models were first
// published with. It is wrong; where it stands, the token with the largest id ends a text.
const legacyEnd = 2

// Config says how large a model is. Its fields are named after those of config.json.
type Config struct {
	Projection int // dimension of the space of pictures and texts
	Text       TextConfig
	Vision     VisionConfig
}

// TextConfig is the text tower.
type TextConfig struct {
	nn.Config
	Vocabulary int // tokens
	Positions  int // tokens of a text, at most
	EndID      int // id of the token whose row stands for the text
}

// VisionConfig is the image tower.
type VisionConfig struct {
	nn.Config
	Image, Patch int // pixels of a side
}

// Side is the number of patches along a side; what is left over is not seen.
func (v VisionConfig) Side() int { return v.Image / v.Patch }

// Tokens is the number of patches and one, the class token.
func (v VisionConfig) Tokens() int { return v.Side()*v.Side() + 1 }

// towerJSON is what both towers have in config.json.
type towerJSON struct {
	Hidden       int     `json:"hidden_size"`
	Intermediate int     `json:"intermediate_size"`
	Layers       int     `json:"num_hidden_layers"`
	Heads        int     `json:"num_attention_heads"`
	Activation   string  `json:"hidden_act"`
	Eps          float64 `json:"layer_norm_eps"`

	Vocabulary int             `json:"vocab_size"`
	Positions  int             `json:"max_position_embeddings"`
	EndID      json.RawMessage `json:"eos_token_id"`

	Image    int `json:"image_size"`
	Patch    int `json:"patch_size"`
	Channels int `json:"num_channels"`
}

// The defaults of Hugging Face's CLIPTextConfig and CLIPVisionConfig, which stand for
// what a file leaves out.
func textDefaults() towerJSON {
	return towerJSON{Hidden: 512, Intermediate: 2048, Layers: 12, Heads: 8, Activation: "quick_gelu", Eps: 1e-5, Vocabulary: 49408, Positions: 77}
}

func visionDefaults() towerJSON {
	return towerJSON{Hidden: 768, Intermediate: 3072, Layers: 12, Heads: 12, Activation: "quick_gelu", Eps: 1e-5, Image: 224, Patch: 32, Channels: 3}
}

// ParseConfig reads the text of a CLIPModel's config.json. Errors wrap [tall.ErrFormat];
// they name the field, what it holds and what it may hold.
func ParseConfig(text []byte) (Config, error) {
	j := struct {
		ModelType     string          `json:"model_type"`
		Architectures []string        `json:"architectures"`
		Projection    int             `json:"projection_dim"`
		Text          json.RawMessage `json:"text_config"`
		TextDict      json.RawMessage `json:"text_config_dict"`
		Vision        json.RawMessage `json:"vision_config"`
		VisionDict    json.RawMessage `json:"vision_config_dict"`
	}{Projection: 512}
	fail := func(err error) (Config, error) { return Config{}, fmt.Errorf("%w: %w", tall.ErrFormat, err) }
	if err := json.Unmarshal(text, &j); err != nil {
		return fail(err)
	}
	if j.ModelType != "clip" {
		return fail(fmt.Errorf("model_type is %.40q %.100v, not \"clip\"; use a folder of a CLIPModel", j.ModelType, j.Architectures))
	}
	t, err := tower("text_config", j.Text, j.TextDict, textDefaults())
	if err != nil {
		return fail(err)
	}
	v, err := tower("vision_config", j.Vision, j.VisionDict, visionDefaults())
	if err != nil {
		return fail(err)
	}
	c := Config{Projection: j.Projection}
	if c.Text.Config, err = t.transformer("text_config", true); err != nil {
		return fail(err)
	}
	if c.Vision.Config, err = v.transformer("vision_config", false); err != nil {
		return fail(err)
	}
	if c.Text.EndID, err = endID(t.EndID); err != nil {
		return fail(err)
	}
	c.Text.Vocabulary, c.Text.Positions = t.Vocabulary, t.Positions
	c.Vision.Image, c.Vision.Patch = v.Image, v.Patch
	for _, f := range []struct {
		name          string
		value, lo, hi int
	}{
		{"projection_dim", j.Projection, 1, maxHidden},
		{"text_config.vocab_size", t.Vocabulary, 2, maxTokens},
		{"text_config.max_position_embeddings", t.Positions, 2, maxPlaces},
		{"vision_config.num_channels", v.Channels, 3, 3},
		{"vision_config.image_size", v.Image, 1, maxImage},
		{"vision_config.patch_size", v.Patch, 1, v.Image},
	} {
		if f.value < f.lo || f.value > f.hi {
			return fail(fmt.Errorf("%s is %d; it must be from %d to %d", f.name, f.value, f.lo, f.hi))
		}
	}
	if n := c.Vision.Tokens(); n > maxPlaces {
		return fail(fmt.Errorf("image_size %d and patch_size %d make %d patches, at most %d", v.Image, v.Patch, n-1, maxPlaces-1))
	}
	return c, nil
}

// tower reads one tower's part; in old files a second one, if it is there, stands for all
// of the first.
func tower(name string, first, second json.RawMessage, defaults towerJSON) (towerJSON, error) {
	t := defaults
	part := first
	if present(second) {
		name, part = name+"_dict", second
	}
	if present(part) {
		if err := json.Unmarshal(part, &t); err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
	}
	return t, nil
}

func present(part json.RawMessage) bool { return len(part) > 0 && string(part) != "null" }

func (t towerJSON) transformer(name string, causal bool) (nn.Config, error) {
	f, err := nn.ParseActivation(t.Activation)
	if err != nil {
		return nn.Config{}, fmt.Errorf("%s.hidden_act: %w", name, err)
	}
	c := nn.Config{
		Layers: t.Layers, Width: t.Hidden, Heads: t.Heads, Hidden: t.Intermediate, Eps: t.Eps,
		Activation: f, PreNorm: true, Causal: causal,
	}
	if err := c.Check(); err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	if c.Layers > maxLayers || c.Width > maxWidth || c.Hidden > maxHidden {
		return c, fmt.Errorf("%s: %d layers of width %d and hidden width %d; at most %d, %d and %d", name, c.Layers, c.Width, c.Hidden, maxLayers, maxWidth, maxHidden)
	}
	return c, nil
}

// endID reads eos_token_id: a number, or a list whose first counts.
func endID(text json.RawMessage) (int, error) {
	const standard = 49407
	if !present(text) {
		return standard, nil
	}
	var id int
	if json.Unmarshal(text, &id) == nil {
		return id, nil
	}
	var ids []int
	if err := json.Unmarshal(text, &ids); err != nil || len(ids) == 0 {
		return 0, fmt.Errorf("text_config.eos_token_id is %.40s, not a number", text)
	}
	return ids[0], nil
}

// readConfig reads a model folder's config.json.
func readConfig(dir string) (Config, error) {
	path := filepath.Join(dir, configFile)
	text, err := readBounded(path, maxConfigBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("%w: %s; a model's folder holds it beside model.safetensors and the tokenizer's files", tall.ErrMissing, path)
	}
	if err != nil {
		return Config{}, err
	}
	c, err := ParseConfig(text)
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}
