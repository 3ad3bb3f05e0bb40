package server

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tall"
)

// Scope is what a token allows.
type Scope string

// The scopes. Write includes Read.
const (
	Read  Scope = "read"  // listing, searching, watching
	Write Scope = "write" // adding, deleting, judging
)

// tokenPrefix lets people, and programs that look for leaked secrets, tell what it is.
const tokenPrefix = "tall_"

// Token is what is kept of a token: its secret is not.
type Token struct {
	Name    string    `json:"name"`
	Scope   Scope     `json:"scope"`
	Created time.Time `json:"created"`
	Hash    string    `json:"sha256"` // of the whole token, hexadecimal; 256 random bits need no salt
}

// NewToken makes a token of 256 random bits. Secret is shown once and kept nowhere.
func NewToken(name string, scope Scope) (t Token, secret string, err error) {
	if scope != Read && scope != Write {
		return t, "", fmt.Errorf("%w: scope %q; give read or write", tall.ErrFormat, scope)
	}
	if name = strings.TrimSpace(name); name == "" || len(name) > 100 {
		return t, "", fmt.Errorf("%w: a token needs a name of 1 to 100 characters, by which it is removed", tall.ErrFormat)
	}
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return t, "", err
	}
	secret = tokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
	return Token{Name: name, Scope: scope, Created: time.Now().UTC().Truncate(time.Second), Hash: hashToken(secret)}, secret, nil
}

func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Tokens are those that a server takes.
type Tokens []Token

// TokenSource says which tokens a server takes at the moment.
type TokenSource interface {
	Tokens() (Tokens, error)
}

// Tokens implements [TokenSource]: always these.
func (ts Tokens) Tokens() (Tokens, error) { return ts, nil }

// Match finds the token of a secret. The time it takes does not depend on how much of a
// wrong one is right.
func (ts Tokens) Match(secret string) (Token, bool) { return ts.matchHash(hashToken(secret)) }

func (ts Tokens) matchHash(hash string) (Token, bool) {
	var found Token
	ok := 0
	for _, t := range ts {
		if same := subtle.ConstantTimeCompare([]byte(hash), []byte(t.Hash)); same == 1 {
			found, ok = t, 1
		}
	}
	return found, ok == 1
}

// TokenFile is a file of tokens, read again whenever it was written: tokens come and go
// while a server runs.
type TokenFile struct {
	path string

	mu     sync.Mutex
	read   Tokens
	stamp  time.Time
	size   int64
	looked time.Time
}

// NewTokenFile names a file, which need not exist yet.
func NewTokenFile(path string) *TokenFile { return &TokenFile{path: path} }

// tokenPause is how old what is known of a file of tokens may be.
const tokenPause = 500 * time.Millisecond

// Tokens implements [TokenSource]. Errors are those of [ReadTokens]; a file that cannot be
// read lets nobody in.
func (f *TokenFile) Tokens() (Tokens, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < tokenPause {
		return f.read, nil
	}
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.read, f.stamp, f.size = nil, time.Time{}, 0
	case err != nil:
		return nil, err
	case !info.ModTime().Equal(f.stamp) || info.Size() != f.size:
		ts, err := ReadTokens(f.path)
		if err != nil {
			return nil, err
		}
		f.read, f.stamp, f.size = ts, info.ModTime(), info.Size()
	}
	f.looked = time.Now()
	return f.read, nil
}

// ReadTokens reads a file of tokens; one that does not exist holds none. Errors wrap
// [tall.ErrFormat], or [tall.ErrUnsafe] where others may write to the file.
func ReadTokens(path string) (Tokens, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%w: %s may be written by others (mode %v): chmod 600 it, and look whether its tokens are yours", tall.ErrUnsafe, path, info.Mode().Perm())
	}
	const most = 1 << 20
	if info.Size() > most {
		return nil, fmt.Errorf("%w: %s has %d bytes; a file of tokens is smaller", tall.ErrFormat, path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var ts Tokens
	if err := json.Unmarshal(text, &ts); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", tall.ErrFormat, path, err)
	}
	for _, t := range ts {
		if raw, err := hex.DecodeString(t.Hash); err != nil || len(raw) != sha256.Size || t.Scope != Read && t.Scope != Write {
			return nil, fmt.Errorf("%w: %s: the token %q has no SHA-256, or a scope other than read and write", tall.ErrFormat, path, t.Name)
		}
	}
	return ts, nil
}

// WriteTokens writes a file of tokens that its owner alone can read.
func WriteTokens(path string, ts Tokens) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		// The file takes the mode of the one it replaces.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return tall.ReplaceFile(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(ts)
	})
}

// Without returns the tokens but for those of a name, and whether there was one.
func (ts Tokens) Without(name string) (Tokens, bool) {
	left := slices.DeleteFunc(slices.Clone(ts), func(t Token) bool { return t.Name == name })
	return left, len(left) < len(ts)
}
