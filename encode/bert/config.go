package bert

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"tall"
	"tall/nn"
)

const maxConfig = 1 << 20 // bytes of a configuration file

// Pooling is how one vector is made of those of the pieces.
type Pooling string

// The ways of pooling.
const (
	Mean  Pooling = "mean"  // of all pieces, [CLS] and [SEP] too
	First Pooling = "first" // the output of [CLS]
)

// Config says what a model is made of.
type Config struct {
	Vocab, Positions, Segments int // entries of the embeddings
	nn.Config                      // the encoder
	Pooling                    Pooling
	Normalize                  bool // vectors are brought to length 1
	// Length is the number of pieces of a sentence that are read, [CLS] and [SEP]
	// included.
	Length int
	// Lower says that sentences are lower-cased before the tokenizer sees them.
	Lower bool
}

// Bounds on a model, far above the largest BERT.
const (
	maxEntries = 1 << 21
	maxWidth   = 1 << 14
	maxLayers  = 256
)

// OpenConfig reads the configuration files of a model's folder. Errors wrap
// [tall.ErrMissing] or [tall.ErrFormat] and name the file.
func OpenConfig(dir string) (Config, error) {
	c := Config{Pooling: Mean}
	path := filepath.Join(dir, "config.json")
	data, err := readFile(path, maxConfig)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("%w: %s does not exist; a model is a folder with config.json, model.safetensors and vocab.txt or tokenizer.json", tall.ErrMissing, path)
	}
	if err == nil {
		err = c.parse(data)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	for _, part := range []struct {
		name  string
		parse func([]byte) error
	}{
		{"tokenizer_config.json", c.parseTokenizer},
		{"sentence_bert_config.json", c.parseSentence},
		{"modules.json", func(data []byte) error { return c.parseModules(dir, data) }},
	} {
		path := filepath.Join(dir, part.name)
		data, err := readFile(path, maxConfig)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = part.parse(data)
		}
		if err != nil {
			return c, fmt.Errorf("%s: %w", path, err)
		}
	}
	return c, nil
}

// unmarshal is json.Unmarshal with our sentinel.
func unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", tall.ErrFormat, err)
	}
	return nil
}

// parse reads Hugging Face's config.json of a BERT.
func (c *Config) parse(data []byte) error {
	j := struct {
		Type       string  `json:"model_type"`
		Act        string  `json:"hidden_act"`
		Position   string  `json:"position_embedding_type"`
		Width      int     `json:"hidden_size"`
		Layers     int     `json:"num_hidden_layers"`
		Heads      int     `json:"num_attention_heads"`
		Hidden     int     `json:"intermediate_size"`
		Vocab      int     `json:"vocab_size"`
		Positions  int     `json:"max_position_embeddings"`
		Segments   int     `json:"type_vocab_size"`
		Eps        float64 `json:"layer_norm_eps"`
		Decoder    bool    `json:"is_decoder"`
		Compressed any     `json:"quantization_config"`
	}{ // the defaults of Hugging Face's BertConfig
		Act: "gelu", Position: "absolute", Width: 768, Layers: 12, Heads: 12, Hidden: 3072,
		Vocab: 30522, Positions: 512, Segments: 2, Eps: 1e-12,
	}
	if err := unmarshal(data, &j); err != nil {
		return err
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", tall.ErrFormat, fmt.Sprintf(format, args...))
	}
	switch {
	case j.Type != "bert":
		return bad("model_type is %.50q, only bert is read here", j.Type)
	case j.Position != "absolute":
		return bad("position_embedding_type is %.50q, only absolute is read here", j.Position)
	case j.Decoder:
		return bad("a decoder (is_decoder), only encoders are read here")
	case j.Compressed != nil:
		return bad("quantized weights (quantization_config) are not read")
	}
	act, err := nn.ParseActivation(j.Act)
	if err != nil {
		return bad("hidden_act: %v", err)
	}
	for _, n := range []struct {
		key         string
		value, most int
	}{
		{"hidden_size", j.Width, maxWidth},
		{"num_hidden_layers", j.Layers, maxLayers},
		{"num_attention_heads", j.Heads, maxWidth},
		{"intermediate_size", j.Hidden, 8 * maxWidth},
		{"vocab_size", j.Vocab, maxEntries},
		{"max_position_embeddings", j.Positions, maxEntries},
		{"type_vocab_size", j.Segments, maxEntries},
	} {
		if n.value < 1 || n.value > n.most {
			return bad("%s is %d, must be from 1 to %d", n.key, n.value, n.most)
		}
	}
	if j.Positions < 2 {
		return bad("max_position_embeddings is %d: no sentence fits", j.Positions)
	}
	c.Vocab, c.Positions, c.Segments, c.Length = j.Vocab, j.Positions, j.Segments, j.Positions
	c.Config = nn.Config{Layers: j.Layers, Width: j.Width, Heads: j.Heads, Hidden: j.Hidden, Eps: j.Eps, Activation: act}
	if err := c.Check(); err != nil {
		return bad("%v", err)
	}
	return nil
}

// limit lowers the number of pieces.
func (c *Config) limit(n float64) error {
	if n < 2 {
		return fmt.Errorf("%w: a length of %v pieces; a sentence has [CLS] and [SEP] at least", tall.ErrFormat, n)
	}
	if n < float64(c.Length) {
		c.Length = int(n)
	}
	return nil
}

func (c *Config) parseTokenizer(data []byte) error {
	j := struct {
		Length *float64 `json:"model_max_length"` // 1e30 stands for no bound
	}{}
	if err := unmarshal(data, &j); err != nil || j.Length == nil {
		return err
	}
	return c.limit(*j.Length)
}

// parseSentence reads sentence_bert_config.json, whose length stands for the tokenizer's.
func (c *Config) parseSentence(data []byte) error {
	j := struct {
		Length *float64 `json:"max_seq_length"`
		Lower  bool     `json:"do_lower_case"`
	}{}
	if err := unmarshal(data, &j); err != nil {
		return err
	}
	c.Lower = j.Lower
	if j.Length == nil {
		return nil
	}
	c.Length = c.Positions
	return c.limit(*j.Length)
}

// parseModules reads modules.json: what follows the transformer.
func (c *Config) parseModules(dir string, data []byte) error {
	var modules []struct {
		Path string `json:"path"`
		Type string `json:"type"`
	}
	if err := unmarshal(data, &modules); err != nil {
		return err
	}
	for i, m := range modules {
		switch kind := m.Type[strings.LastIndexByte(m.Type, '.')+1:]; kind {
		case "Transformer":
			if i != 0 || m.Path != "" {
				return fmt.Errorf("%w: the transformer lies in %.50q, must be the first module and in the folder itself", tall.ErrFormat, m.Path)
			}
		case "Pooling":
			if !filepath.IsLocal(m.Path) {
				return fmt.Errorf("%w: the pooling module lies in %.50q, outside the model's folder", tall.ErrUnsafe, m.Path)
			}
			path := filepath.Join(dir, m.Path, "config.json")
			data, err := readFile(path, maxConfig)
			if errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%w: %s, which it names, does not exist; fetch the model again", tall.ErrMissing, path)
			}
			if err == nil {
				err = c.parsePooling(data)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		case "Normalize":
			c.Normalize = true
		default:
			return fmt.Errorf("%w: a module of the type %.50q, only Transformer, Pooling and Normalize are read here", tall.ErrFormat, m.Type)
		}
	}
	return nil
}

// parsePooling reads 1_Pooling/config.json: a switch for each way of pooling or, in newer
// files, the name of one.
func (c *Config) parsePooling(data []byte) error {
	var j map[string]any
	if err := unmarshal(data, &j); err != nil {
		return err
	}
	var modes []string
	for key, value := range j {
		if on, _ := value.(bool); on && strings.HasPrefix(key, "pooling_mode_") {
			modes = append(modes, strings.TrimPrefix(key, "pooling_mode_"))
		}
	}
	if name, ok := j["pooling_mode"]; ok {
		modes = []string{fmt.Sprint(name)}
	}
	switch {
	case len(modes) == 0, len(modes) == 1 && (modes[0] == "mean_tokens" || modes[0] == "mean"):
		c.Pooling = Mean
	case len(modes) == 1 && (modes[0] == "cls_token" || modes[0] == "cls"):
		c.Pooling = First
	default:
		return fmt.Errorf("%w: pooling %.200q, only mean_tokens or cls_token alone is read here", tall.ErrFormat, modes)
	}
	for _, key := range []string{"word_embedding_dimension", "embedding_dimension"} {
		if dim, ok := j[key].(float64); ok && dim != float64(c.Width) {
			return fmt.Errorf("%w: %s is %v, the model's hidden_size %d", tall.ErrShape, key, dim, c.Width)
		}
	}
	return nil
}
