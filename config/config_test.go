package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tall"
)

// values compares configurations by their values, not by where they stood.
var values = cmp.Options{
	cmpopts.IgnoreUnexported(Model{}, Section{}),
	cmpopts.IgnoreFields(Config{}, "Path"),
}

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoad_ReferenceFile(t *testing.T) {
	c, err := Load("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const root = "./data/dataset/tall/"
	want := New()
	for _, s := range []*Section{&want.Train, &want.Valid, &want.Test, &want.Infer} {
		s.Present = true
	}
	want.Train.SemanticSize, want.Valid.SemanticSize = 1024, 1024
	want.Train.UseGPU, want.Valid.UseGPU = true, true
	want.Train.SlidingClipPath = root + "Interval64_128_256_512_overlap0.8_c3d_fc6/"
	want.Train.ClipSentvec = root + "train_clip-sentvec.pkl"
	want.Train.MovieLengthInfo = root + "video_allframes_info.pkl"
	want.Valid.SlidingClipPath, want.Valid.ClipSentvec = want.Train.SlidingClipPath, want.Train.ClipSentvec
	want.Valid.MovieLengthInfo = want.Train.MovieLengthInfo
	want.Test.SlidingClipPath = root + "Interval128_256_overlap0.8_c3d_fc6/"
	want.Test.ClipSentvec = root + "test_clip-sentvec.pkl"
	want.Infer.Filelist = root + "infer"
	want.Infer.SlidingClipPath = root + "infer/infer_feat"
	want.Infer.ClipSentvec = root + "infer/infer_clip-sen.pkl"
	if diff := cmp.Diff(want, c, values); diff != "" {
		t.Error(diff)
	}
	if c.Train.LearningRate != 0.001 || c.Train.ClipNorm != 5 {
		t.Errorf("learning_rate %v, clip_norm %v", c.Train.LearningRate, c.Train.ClipNorm)
	}
	// semantic_size is 4800 in TEST and INFER, 1024 in TRAIN; vectors are 4800 long in all.
	for _, s := range []*Section{&c.Train, &c.Valid, &c.Test, &c.Infer} {
		if s.SentenceDim() != 4800 {
			t.Errorf("%s: SentenceDim %d", s.Name, s.SentenceDim())
		}
		if err := c.Need(s.Name); err != nil {
			t.Error(err)
		}
	}
	if o, ok := c.ValidOverlaps(); !ok || o.With != "TRAIN" {
		t.Errorf("overlap %v %v; the reference's VALID names TRAIN's files", o, ok)
	}
}

// Ours differs from the reference's in use_gpu alone.
func TestLoad_OurFile(t *testing.T) {
	ours, err := Load("../configs/tall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ref, err := Load("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ref.Train.UseGPU, ref.Valid.UseGPU = false, false
	if diff := cmp.Diff(ref, ours, values); diff != "" {
		t.Error(diff)
	}
}

// The optional keys that configs/tall.yaml shows commented out exist, are all of
// them, and have the value shown as their default.
func TestOurFile_OptionalKeys(t *testing.T) {
	data, err := os.ReadFile("../configs/tall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	section, shown := "", map[string]bool{}
	for _, line := range strings.Split(string(data), "\n") {
		if name := strings.TrimSuffix(line, ":"); schema(name) != nil {
			section = name
		}
		line, commented := strings.CutPrefix(line, "  # ")
		key, rest, ok := strings.Cut(line, ": ")
		if _, known := find(section, key); !commented || !ok || !known {
			continue
		}
		shown[key] = true
		text := strings.TrimSpace(strings.SplitN(rest, "#", 2)[0])
		got := parse(t, section+":\n  "+key+": "+text+"\n")
		want := New()
		if s := want.section(section); s != nil {
			s.Present = true
		}
		if diff := cmp.Diff(want, got, values); diff != "" {
			t.Errorf("%s.%s: %s is not the default: %s", section, key, text, diff)
		}
	}
	for _, name := range sections {
		for _, f := range schema(name) {
			if f.tag.Get("ours") != "" && !shown[f.key] {
				t.Errorf("configs/tall.yaml does not show %s.%s", name, f.key)
			}
		}
	}
}

func TestParse_Values(t *testing.T) {
	for _, tt := range []struct {
		text string
		get  func(c *Config) any
		want any
	}{
		{"learning_rate: 1e-3", func(c *Config) any { return c.Train.LearningRate }, 1e-3},
		{"learning_rate: '1e-3'", func(c *Config) any { return c.Train.LearningRate }, 1e-3},
		{"learning_rate: .5", func(c *Config) any { return c.Train.LearningRate }, .5},
		{"learning_rate: 2", func(c *Config) any { return c.Train.LearningRate }, 2.0},
		{"learning_rate: !!float 1e-3", func(c *Config) any { return c.Train.LearningRate }, 1e-3},
		{"use_gpu: True", func(c *Config) any { return c.Train.UseGPU }, true},
		{`use_gpu: "True"`, func(c *Config) any { return c.Train.UseGPU }, true},
		{"use_gpu: true", func(c *Config) any { return c.Train.UseGPU }, true},
		{"use_gpu: 'False'", func(c *Config) any { return c.Train.UseGPU }, false},
		{"pack: no", func(c *Config) any { return c.Train.Pack }, false},
		{"batch_size: '7'", func(c *Config) any { return c.Train.BatchSize }, 7},
		{"batch_size: 1_000", func(c *Config) any { return c.Train.BatchSize }, 1000},
		{"batch_size: 0x10", func(c *Config) any { return c.Train.BatchSize }, 16},
		{"clip_sentvec: a b/c.pkl # note", func(c *Config) any { return c.Train.ClipSentvec }, "a b/c.pkl"},
		{"clip_sentvec: 007", func(c *Config) any { return c.Train.ClipSentvec }, "007"},
		{"clip_sentvec: 数据.pkl", func(c *Config) any { return c.Train.ClipSentvec }, "数据.pkl"},
	} {
		c := parse(t, "TRAIN:\n  "+tt.text+"\n")
		if diff := cmp.Diff(tt.want, tt.get(c)); diff != "" {
			t.Errorf("%s: %s", tt.text, diff)
		}
	}
	c := parse(t, "TEST:\n  iou_thresholds: [0.1, '0.5', 1e-1]\n  nms: 0.45\n")
	if diff := cmp.Diff([]float64{.1, .5, .1}, c.Test.IoUThresholds); diff != "" || c.Test.NMS != "0.45" {
		t.Error(diff, c.Test.NMS)
	}
}

func TestParse_AnchorsMergesAndCRLF(t *testing.T) {
	c := parse(t, "TRAIN: &train\r\n  batch_size: 8\r\n  clip_sentvec: a.pkl\r\nVALID:\r\n  <<: *train\r\n  clip_sentvec: b.pkl\r\nTEST: {batch_size: &n 3}\r\nINFER:\r\n  batch_size: *n\r\n")
	if c.Valid.BatchSize != 8 || c.Valid.ClipSentvec != "b.pkl" || c.Infer.BatchSize != 3 {
		t.Errorf("VALID %d %q, INFER %d", c.Valid.BatchSize, c.Valid.ClipSentvec, c.Infer.BatchSize)
	}
}

func TestParse_Faults(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"near key":         {"TRAIN:\n  batchsize: 3\n", `t.yaml:2:3: TRAIN has no key "batchsize": did you mean "batch_size"?`},
		"swapped letters":  {"TRAIN:\n  epohc: 3\n", `t.yaml:2:3: TRAIN has no key "epohc": did you mean "epoch"?`},
		"dash":             {"TRAIN:\n  learning-rate: 3\n", `did you mean "learning_rate"?`},
		"key elsewhere":    {"VALID:\n  epoch: 3\n", `t.yaml:2:3: VALID has no key "epoch"; it belongs to TRAIN`},
		"key far":          {"MODEL:\n  zzzzzzzzzz: 3\n", `MODEL has no key "zzzzzzzzzz"; it has bias, fusion,`},
		"near section":     {"Train:\n  epoch: 3\n", `t.yaml:1:1: there is no section "Train": did you mean "TRAIN"?`},
		"far section":      {"OPTIMIZER:\n  epoch: 3\n", `there is no section "OPTIMIZER"; there are MODEL, TRAIN, VALID, TEST and INFER`},
		"key at top":       {"epoch: 3\n", `there is no section "epoch"`},
		"int type":         {"TRAIN:\n  epoch: many\n", `t.yaml:2:10: TRAIN.epoch is "many", must be a whole number`},
		"int from float":   {"TRAIN:\n  epoch: 2.5\n", `TRAIN.epoch is "2.5", must be a whole number`},
		"int range":        {"TRAIN:\n  batch_size: 0\n", `TRAIN.batch_size is 0, must be at least 1`},
		"int huge":         {"TRAIN:\n  batch_size: 99999999999999999999\n", `must be a whole number below 2^31`},
		"octal":            {"TRAIN:\n  batch_size: 010\n", `without the leading 0`},
		"float type":       {"TRAIN:\n  learning_rate: fast\n", `TRAIN.learning_rate is "fast", must be a number`},
		"float nan":        {"TRAIN:\n  learning_rate: .nan\n", `t.yaml:2:18: TRAIN.learning_rate`},
		"float inf":        {"TRAIN:\n  learning_rate: 1e999\n", `too large for a number`},
		"float negative":   {"TRAIN:\n  learning_rate: -1\n", `is -1, must be above 0`},
		"bool type":        {"TRAIN:\n  use_gpu: maybe\n", `TRAIN.use_gpu is "maybe", must be True or False`},
		"word":             {"TRAIN:\n  context_mode: nearst\n", `is "nearst", must be one of exact, nearest and none: did you mean "nearest"?`},
		"fps zero":         {"TRAIN:\n  fps: 0\n", `is 0, must be above 0`},
		"empty value":      {"TRAIN:\n  clip_sentvec:\n", `TRAIN.clip_sentvec is empty`},
		"empty text":       {"TRAIN:\n  clip_sentvec: ''\n", `TRAIN.clip_sentvec is empty`},
		"map for value":    {"TRAIN:\n  epoch:\n    a: 1\n", `TRAIN.epoch is a section, must be a single value`},
		"list for value":   {"TRAIN:\n  epoch: [1, 2]\n", `TRAIN.epoch is a list, must be a whole number`},
		"list of lists":    {"TEST:\n  iou_thresholds: [[1]]\n", `TEST.iou_thresholds holds a value that is a list`},
		"empty list":       {"TEST:\n  iou_thresholds: []\n", `TEST.iou_thresholds is an empty list`},
		"nms":              {"TEST:\n  nms: 1.5\n", `must be moving`},
		"value as section": {"TRAIN: 3\n", `t.yaml:1:1: TRAIN must hold keys and values`},
		"twice":            {"TRAIN:\n  epoch: 3\n  epoch: 4\n", `t.yaml:3:3: TRAIN.epoch is given twice, first on line 2; remove one of the two`},
		"twice quoted":     {"TRAIN:\n  epoch: 3\n  'epoch': 4\n", `t.yaml:3:3: TRAIN.epoch is given twice`},
		"section twice":    {"TRAIN:\n  epoch: 3\nTRAIN:\n  epoch: 4\n", `t.yaml:3:1: TRAIN is given twice`},
		"alias to nothing": {"TRAIN:\n  epoch: *x\n", `t.yaml:2:10: TRAIN.epoch refers to a name`},
		"syntax":           {"TRAIN:\n  epoch: [3\n", `not YAML`},
		"tab":              {"TRAIN:\n\tepoch: 3\n", `t.yaml:2:1: not YAML`},
		"empty":            {"# nothing\n", `t.yaml: the file is empty; it needs the sections MODEL`},
		"list file":        {"- a\n", `the file must hold the sections`},
		"two documents":    {"TRAIN:\n  epoch: 1\n---\nTEST:\n  batch_size: 1\n", `a second document begins here`},
		"binary":           {"\x00\x01", `not UTF-8 text`},
		"large":            {strings.Repeat("#\n", 40<<10), `larger than 64 KiB`},
		"nested":           {strings.Repeat("[", 60<<10), `this is no configuration`},
		"visual dims":      {"MODEL:\n  visual_feature_dim: 100\n", `t.yaml:2:23: MODEL.visual_feature_dim is 100, which is not divisible by 3`},
		"window dims":      {"MODEL:\n  visual_feature_dim: 12\nTRAIN:\n  feats_dimen: 5\n", `t.yaml:4:16: TRAIN.feats_dimen is 5, but MODEL.visual_feature_dim is 12`},
		"sentence dims":    {"TEST:\n  sent_vec_dim: 4800\n  semantic_size: 1024\n", `t.yaml:3:18: TEST.semantic_size cuts sentence vectors to 1024 values, but MODEL.sentence_embedding_size is 4800`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("t.yaml", []byte(tt.text))
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
			if !errors.Is(err, tall.ErrFormat) && !errors.Is(err, tall.ErrShape) {
				t.Errorf("%v wraps no sentinel", err)
			}
		})
	}
}

func TestParse_AllFaultsInOrderWithExcerpt(t *testing.T) {
	_, err := Parse("t.yaml", []byte("MODEL:\n  hidden: 3\nTRAIN:\n  epoch: x\n  pack: 5\n"))
	var es Errors
	if !errors.As(err, &es) || len(es) != 3 {
		t.Fatalf("want three faults: %v", err)
	}
	for i, line := range []int{2, 4, 5} {
		if es[i].Line != line {
			t.Errorf("fault %d on line %d, want %d", i, es[i].Line, line)
		}
	}
	if got, want := es[1].Excerpt(), "    4 |   epoch: x\n      |          ^"; got != want {
		t.Errorf("excerpt\n%s\nwant\n%s", got, want)
	}
	var one *Error
	if !errors.As(err, &one) || one.Key != "" || one.Section != "MODEL" {
		t.Errorf("errors.As reaches %+v", one)
	}
}

// The quadratic parser must not be reached by what the bounds let through: the
// limit is generous, as the machine may be busy; unbounded it is half a minute.
func TestParse_HostileNestingIsFast(t *testing.T) {
	for _, unit := range []string{"[", "{a: ", "- ", "? ", "&a ", "!a ", "a: ", "*a ", "-\n ", "\"", "a: |\n "} {
		for _, n := range []int{200, 60 << 10 / len(unit)} {
			start := time.Now()
			if _, err := Parse("t.yaml", []byte(strings.Repeat(unit, n))); err == nil {
				t.Errorf("%q x %d: no error", unit, n)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("%q x %d took %v", unit, n, d)
			}
		}
	}
}

func TestLoad_Missing(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "--config") {
		t.Error(err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder is no configuration")
	}
}

func TestNeed_NamesKeyAndRemedy(t *testing.T) {
	c := parse(t, "TEST:\n  clip_sentvec: a.pkl\n")
	err := c.Need(Test)
	if !errors.Is(err, tall.ErrMissing) || !strings.Contains(err.Error(), "TEST.sliding_clip_path is missing") ||
		strings.Contains(err.Error(), "TEST.clip_sentvec is") {
		t.Error(err)
	}
	if err := c.Need(Infer); !strings.Contains(err.Error(), "no section INFER") || !strings.Contains(err.Error(), "--filelist") {
		t.Error(err)
	}
	if err := c.Need("Train"); err == nil {
		t.Error("unknown section")
	}
}

func TestSource_AndWhere(t *testing.T) {
	c := parse(t, "TRAIN:\n  epoch: 3\n")
	if err := c.Override(Train, "batch-size", "4"); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]struct {
		source Source
		where  string
	}{
		"epoch": {FromFile, "t.yaml:2:10"}, "batch_size": {FromFlag, "--batch_size"}, "fps": {FromDefault, "t.yaml"},
	} {
		if got := c.Train.Source(key); got != want.source {
			t.Errorf("%s from %v, want %v", key, got, want.source)
		}
		if got := c.Where(Train, key); got != want.where {
			t.Errorf("%s at %s, want %s", key, got, want.where)
		}
	}
}

func TestOverride(t *testing.T) {
	c := New()
	for _, kv := range [][3]string{
		{Train, "epoch", "3"},
		{Train, "learning-rate", "5e-3"},
		{Train, "use_gpu", "True"},
		{Test, "iou_thresholds", "0.3,0.5"},
		{"MODEL", "preset", "tf"},
	} {
		if err := c.Override(kv[0], kv[1], kv[2]); err != nil {
			t.Error(err)
		}
	}
	if c.Train.Epoch != 3 || c.Train.LearningRate != 5e-3 || !c.Train.UseGPU || len(c.Test.IoUThresholds) != 2 || c.Model.Preset != "tf" {
		t.Errorf("%+v", c)
	}
	for _, tt := range []struct{ section, key, value, want string }{
		{Train, "batch_size", "x", `--batch_size is "x", must be a whole number`},
		{Valid, "epoch", "3", `VALID has no key "epoch"; it belongs to TRAIN`},
		{Test, "weight", "3", `--weight overrides no key: TEST has no key "weight"`},
		{"NONE", "epoch", "3", `is no section`},
	} {
		err := c.Override(tt.section, tt.key, tt.value)
		if !errors.Is(err, tall.ErrFormat) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// The reference merges the whole command line into a section and passes over
// what the section does not hold: VALID takes batch_size and not epoch.
func TestMerge_PassesOverOthers(t *testing.T) {
	c := New()
	flags := map[string]string{"epoch": "2", "batch-size": "9", "save_dir": "x"}
	for _, s := range []string{Train, Valid} {
		if err := c.Merge(s, flags); err != nil {
			t.Fatal(err)
		}
	}
	if c.Train.Epoch != 2 || c.Train.BatchSize != 9 || c.Valid.BatchSize != 9 || c.Valid.Epoch != 0 {
		t.Errorf("TRAIN %d %d, VALID %d %d", c.Train.Epoch, c.Train.BatchSize, c.Valid.BatchSize, c.Valid.Epoch)
	}
	if err := c.Merge(Train, map[string]string{"epoch": "no"}); err == nil {
		t.Error("a wrong value was taken")
	}
}

func TestOverride_FilelistChoosesTheData(t *testing.T) {
	c, err := Load("testdata/reference.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Override(Infer, "clip_sentvec", "mine.pkl"); err != nil {
		t.Fatal(err)
	}
	if err := c.Override(Infer, "filelist", "other"); err != nil {
		t.Fatal(err)
	}
	if c.Infer.SlidingClipPath != filepath.Join("other", "infer_feat") || c.Infer.ClipSentvec != "mine.pkl" {
		t.Errorf("%q %q", c.Infer.SlidingClipPath, c.Infer.ClipSentvec)
	}
	if c := parse(t, "INFER:\n  filelist: d\n"); c.Infer.ClipSentvec != filepath.Join("d", "infer_clip-sen.pkl") || c.Need(Infer) != nil {
		t.Errorf("a file's filelist alone names the data: %q", c.Infer.ClipSentvec)
	}
}

func TestValidOverlaps(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	big := strings.Repeat("x", 200<<10)
	train, other := file("train.pkl", big), file("other.pkl", big[:len(big)-1]+"y")
	twin := file("copy.pkl", big)
	link := filepath.Join(dir, "link.pkl")
	if err := os.Link(train, link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		valid, train, test string
		with               string
	}{
		{"", train, train, ""},
		{train, train, other, Train},
		{dir + "/./train.pkl", train, other, Train},
		{link, train, other, Train},
		{twin, train, other, Train},
		{other, train, "", ""},
		{other, train, other, Test},
		{"absent/a.pkl", "absent/./a.pkl", "", Train}, // before the data is there
		{"absent/a.pkl", "absent/b.pkl", "", ""},
	} {
		c := New()
		c.Valid.ClipSentvec, c.Train.ClipSentvec, c.Test.ClipSentvec = tt.valid, tt.train, tt.test
		if o, ok := c.ValidOverlaps(); o.With != tt.with || ok != (tt.with != "") {
			t.Errorf("%+v: got %+v", tt, o)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"kitten", "sitting", 3}, {"epohc", "epoch", 1}, {"ca", "abc", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if distance(tt.b, tt.a) != distance(tt.a, tt.b) {
			t.Errorf("%q, %q: not symmetric", tt.a, tt.b)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, path := range []string{"testdata/reference.yaml", "../configs/tall.yaml"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, s := range []string{
		"TRAIN: &a\n  epoch: 1\nVALID: {<<: *a}\n", "TRAIN: &a *a\n", "A: &a {<<: *a}\n", "TRAIN:\n  <<: *b\n",
		"TRAIN:\n  epoch: !!int '3'\n", "? a\n: b\n", "---\n---\n", "%YAML 1.1\n", "TRAIN:\n  clip_sentvec: >\n    a\n    b\n", "\ufeffTRAIN: 1\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f.yaml", data)
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Fatal("an error with a result, or without words")
			}
			var es Errors
			if errors.As(err, &es) {
				for _, e := range es {
					_ = e.Excerpt()
				}
			}
			return
		}
		if c.Train.BatchSize < 1 || c.Test.FPS <= 0 || c.Model.VisualFeatureDim%3 != 0 || c.Infer.SentenceDim() < 1 {
			t.Fatalf("a configuration out of range: %+v", c)
		}
	})
}
