package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// openAPI is what the test reads of our own document.
type openAPI struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Parameters  []struct {
			Name, In string
			Required bool
			Schema   *schema
		}
		RequestBody *struct {
			Required bool
			Content  map[string]struct{ Schema *schema }
		} `json:"requestBody"`
		Responses map[string]struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 any
	Format, Pattern      string
	Enum                 []any
	Minimum, Maximum     *float64
	MinLength, MaxLength *int
	MinItems, MaxItems   *int
	Items                *schema
	Properties           map[string]*schema
	Required             []string
	AdditionalProperties any
}

// maker makes values that fit a schema, and values that do not.
type maker struct {
	*rand.Rand
	doc  *openAPI
	ids  []string
	good map[string][]any // values of properties that mean something
}

func (m *maker) resolve(s *schema) *schema {
	for s.Ref != "" {
		s = m.doc.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	return s
}

func (s *schema) kind() string {
	switch t := s.Type.(type) {
	case string:
		return t
	case []any:
		return t[0].(string)
	}
	return ""
}

// odd are texts that have broken servers.
var odd = []string{
	"", " ", "\x00", "\n\r", "'; DROP TABLE video; --", "../../../etc/passwd", "%00", "<script>alert(1)</script>", "\u202e\u0000", "ÿþ", "🎬🎬🎬", "${jndi:ldap://x}", "-", "--", `"`, `"a" then`, "null", "NaN",
	"true", "9223372036854775808", "1e309", strings.Repeat("a", 5000), "sha256-" + strings.Repeat("0", 64), "sha256-" + strings.Repeat("g", 64), "concept 2", "concept 99999999999999999999", "\xff\xfe", "2026-01-31", "2026-02-31", "-concept",
}

// value makes a value that fits a schema; wild, it often does not.
func (m *maker) value(s *schema, wild bool) any {
	if wild && m.IntN(4) == 0 {
		switch m.IntN(9) {
		case 0:
			return nil
		case 1:
			return m.IntN(2) == 0
		case 2:
			return []any{1, "a", nil}
		case 3:
			return map[string]any{"a": map[string]any{}}
		case 4:
			return []float64{-1, 0, 1e308, -1e308, 1 << 53, 0.1}[m.IntN(6)]
		case 5:
			return json.Number("1e999")
		default:
			return odd[m.IntN(len(odd))]
		}
	}
	s = m.resolve(s)
	if len(s.Enum) > 0 {
		return s.Enum[m.IntN(len(s.Enum))]
	}
	switch s.kind() {
	case "object":
		out := map[string]any{}
		for _, name := range sortedKeys(s.Properties) {
			if slices.Contains(s.Required, name) != (wild && m.IntN(8) == 0) || m.IntN(3) == 0 {
				out[name] = m.named(name, s.Properties[name], wild)
			}
		}
		if wild && m.IntN(8) == 0 {
			out[odd[m.IntN(len(odd))]] = 1
		}
		return out
	case "array":
		n := m.IntN(4)
		if s.MinItems != nil {
			n = max(n, *s.MinItems)
		}
		out := make([]any, n)
		for i := range out {
			out[i] = m.value(s.Items, wild)
		}
		return out
	case "string":
		if strings.Contains(s.Pattern, "sha256") {
			return m.ids[m.IntN(len(m.ids))]
		}
		text := fmt.Sprint("concept ", m.IntN(30))
		if m.IntN(2) == 0 {
			text = odd[m.IntN(len(odd))]
		}
		if s.MinLength != nil && len(text) < *s.MinLength {
			text = strings.Repeat("x", *s.MinLength)
		}
		if s.MaxLength != nil {
			text = text[:min(len(text), *s.MaxLength)]
		}
		return text
	case "integer", "number":
		low, high := -100.0, 1000.0
		if s.Minimum != nil {
			low = *s.Minimum
		}
		if s.Maximum != nil {
			high = min(*s.Maximum, max(low, 1e4))
		}
		x := low + m.Float64()*max(0, high-low)
		if m.IntN(2) == 0 {
			x = min(high, low+float64(m.IntN(50)))
		}
		if s.kind() == "integer" {
			return int(math.Floor(x))
		}
		return x
	case "boolean":
		return m.IntN(2) == 0
	}
	return nil
}

// named makes the value of a property or parameter.
func (m *maker) named(name string, s *schema, wild bool) any {
	if good := m.good[name]; len(good) > 0 && (!wild || m.IntN(2) == 0) {
		return good[m.IntN(len(good))]
	}
	return m.value(s, wild)
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return fmt.Sprintf("%g", v)
	}
	return fmt.Sprint(v)
}

// Random requests, right and wrong, made from our own document: none may break the server,
// and each error is a problem that the document tells of.
func TestServer_RandomRequests(t *testing.T) {
	rounds := 30
	if os.Getenv("TALL_LONG") == "1" {
		rounds = 400
	}
	b := newBench(t, benchVideos, func(_ *bench, o *Options) { o.Limits.Upload = 1 << 20 })
	var doc openAPI
	r := b.call("GET", "/openapi.json", nil, 200)
	r.json(t, &doc)
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) < 20 {
		t.Fatalf("%s, %d paths", doc.OpenAPI, len(doc.Paths))
	}
	if _, ok := doc.Paths["/api/v1/uploads"]["post"].Responses["200"]; ok {
		t.Error("uploads are answered by 202")
	}
	const seed = 11
	m := &maker{rand.New(rand.NewPCG(seed, seed)), &doc, []string{"sha256-" + strings.Repeat("0", 64)}, map[string][]any{
		"encoder": {"joint", ""}, "localizer": {"contrast", ""}, "name": {"a.mp4", "../b.webm"}, "paths": {[]any{b.videos}, []any{b.videos, "/etc"}},
		"after": {"2001-01-01", ""}, "before": {"", "2100-01-01T00:00:00Z"}, "folder": {"", b.videos}, "text": {"", "mp4"}, "cursor": {""}, "state": {"ready"},
	}}
	for _, id := range b.ids {
		m.ids = append(m.ids, string(id))
	}
	statuses := map[string]map[int]int{}
	for round := range rounds {
		for _, path := range sortedKeys(doc.Paths) {
			for _, method := range sortedKeys(doc.Paths[path]) {
				op := doc.Paths[path][method]
				if op.OperationID == "get-events" {
					continue // which does not end
				}
				if op.OperationID == "delete-video" && round%10 != 9 {
					continue // so that the others find some
				}
				wild := m.IntN(2) == 0
				target, query := path, url.Values{}
				for _, p := range op.Parameters {
					v := text(m.named(p.Name, p.Schema, wild))
					switch {
					case p.In == "path":
						if wild && m.IntN(4) == 0 {
							v = odd[m.IntN(len(odd))]
						}
						target = strings.Replace(target, "{"+p.Name+"}", url.PathEscape(v), 1)
					case p.In == "query" && (p.Required != (wild && m.IntN(8) == 0) || m.IntN(3) == 0):
						query.Set(p.Name, v)
					}
				}
				if wild && m.IntN(10) == 0 {
					query.Set(odd[m.IntN(len(odd))], "1")
				}
				if len(query) > 0 {
					target += "?" + query.Encode()
				}
				var body any
				kind := ""
				if op.RequestBody != nil {
					for k, c := range op.RequestBody.Content {
						kind = k
						if kind != contentJSON {
							body = contentOf(1000 + m.IntN(5))
							continue
						}
						v := m.value(c.Schema, wild)
						if q, ok := v.(map[string]any); ok && m.IntN(2) == 0 && q["format"] == nil && q["verdict"] == nil && q["token"] == nil && q["paths"] == nil {
							delete(q, "sentences") // of which a query needs one
							delete(q, "like")
							q["query"] = "concept 2"
						}
						data, err := json.Marshal(v)
						if err != nil {
							data = []byte("{")
						}
						if wild && m.IntN(6) == 0 && len(data) > 0 {
							data[m.IntN(len(data))] = byte(m.IntN(256))
						}
						body = string(data)
					}
				}
				req, err := http.NewRequestWithContext(t.Context(), strings.ToUpper(method), b.url+target, nil)
				if err != nil {
					continue // net/http itself refuses it
				}
				if text, ok := body.(string); ok {
					req = b.request(strings.ToUpper(method), target, text)
					req.Header.Set("Content-Type", kind)
					if wild && m.IntN(10) == 0 {
						req.Header.Set("Content-Type", "text/plain")
					}
				}
				if wild && m.IntN(5) == 0 {
					for _, name := range []string{"Range", "Accept", "If-None-Match", "If-Match", "Cookie", "Authorization"} {
						req.Header.Set(name, strings.Map(printable, odd[m.IntN(len(odd))]))
					}
				}
				begun := time.Now()
				got := b.do(req)
				if took := time.Since(begun); took > 20*time.Second {
					t.Errorf("%s %s took %v", method, target, took)
				}
				what := fmt.Sprintf("seed %d round %d: %s %s %.300v: %d %.300s", seed, round, method, target, body, got.StatusCode, got.body)
				if got.StatusCode >= 500 {
					t.Error(what)
				}
				if got.StatusCode >= 400 {
					got.problem(t)
				}
				if _, ok := op.Responses[fmt.Sprint(got.StatusCode)]; !ok && !routed(got) {
					t.Errorf("a status that the document lacks: %s", what)
				}
				if statuses[op.OperationID] == nil {
					statuses[op.OperationID] = map[int]int{}
				}
				statuses[op.OperationID][got.StatusCode]++
			}
		}
	}
	for _, id := range sortedKeys(statuses) {
		t.Log(id, statuses[id])
		ok := 0
		for status, n := range statuses[id] {
			if status < 400 {
				ok += n
			}
		}
		if ok == 0 {
			t.Errorf("%s was never answered: the test does not reach it", id)
		}
	}
	b.call("GET", "/api/v1/ready", nil, 200)
}

// routed are statuses that come before an operation is known: of paths that are cleaned, or
// not there.
func routed(r reply) bool {
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusMethodNotAllowed:
		return true
	case http.StatusNotFound:
		return bytes.Contains(r.body, []byte("there is nothing at"))
	}
	return false
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
