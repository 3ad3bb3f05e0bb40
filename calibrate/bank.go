package calibrate

import (
	"crypto/sha256"
	_ "embed" // bank.txt
	"encoding/hex"
	"strings"
)

//go:embed bank.txt
var bankText string

// Bank returns the sentences of the bank: 96 on what people film, from single nouns to
// whole sentences, as queries are. Few of them fit any one video.
func Bank() []string { return strings.Split(strings.TrimSpace(bankText), "\n") }

// BankHash tells banks apart, "sha256:" and hexadecimal, for caches of what was computed
// with one.
func BankHash() string {
	sum := sha256.Sum256([]byte(bankText))
	return "sha256:" + hex.EncodeToString(sum[:])
}
