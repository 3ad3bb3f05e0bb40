package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// set parses the texts of a value (one, or those of a list) into the field.
func (f field) set(holder any, texts []string) error {
	v := f.of(holder)
	if v.Kind() == reflect.Slice {
		nums := make([]float64, len(texts))
		for i, text := range texts {
			n, err := f.number(text)
			if err != nil {
				return err
			}
			nums[i] = n
		}
		if len(nums) == 0 {
			return errors.New("is an empty list; list at least one number")
		}
		v.Set(reflect.ValueOf(nums))
		return nil
	}
	if len(texts) != 1 {
		return fmt.Errorf("is a list, must be %s", f.kind(v))
	}
	text := texts[0]
	switch v.Kind() {
	case reflect.Bool:
		b, err := parseBool(text)
		if err != nil {
			return err
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := parseInt(text)
		if err != nil {
			return err
		}
		if err := f.inRange(float64(n)); err != nil {
			return err
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		n, err := f.number(text)
		if err != nil {
			return err
		}
		v.SetFloat(n)
	default:
		if err := f.word(text); err != nil {
			return err
		}
		v.SetString(text)
	}
	return nil
}

// kind names what a value must be.
func (f field) kind(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "True or False"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of numbers"
	}
	if len(f.one) > 0 {
		return "one of " + list(f.one)
	}
	return "a text"
}

func (f field) word(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("is empty; give it a value, or leave the key out")
	case strings.ContainsRune(text, 0):
		return errors.New("holds a NUL character, which no path can")
	case f.key == "nms" && text != "moving":
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= 1) {
			return fmt.Errorf("is %q, must be moving (the metric's IoU less 0.05) or a number from 0 to 1", text)
		}
	case len(f.one) > 0:
		for _, w := range f.one {
			if w == text {
				return nil
			}
		}
		return fmt.Errorf("is %q, must be one of %s%s", text, list(f.one), Meant(text, f.one))
	}
	return nil
}

func (f field) number(text string) (float64, error) {
	n, err := parseFloat(text)
	if err != nil {
		return 0, err
	}
	return n, f.inRange(n)
}

func (f field) inRange(n float64) error {
	bound := func(tag string, holds func(limit float64) bool, word string) error {
		text := f.tag.Get(tag)
		if text == "" {
			return nil
		}
		limit, err := strconv.ParseFloat(text, 64)
		if err != nil {
			panic("config: tag of " + f.key + ": " + err.Error())
		}
		if !holds(limit) {
			return fmt.Errorf("is %v, must be %s %s", n, word, text)
		}
		return nil
	}
	return errors.Join(
		bound("min", func(l float64) bool { return n >= l }, "at least"),
		bound("max", func(l float64) bool { return n <= l }, "at most"),
		bound("above", func(l float64) bool { return n > l }, "above"),
	)
}

// parseBool takes Python's spellings, YAML's, and the numbers that Python
// treats as Booleans.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("is %q, must be True or False", text)
}

func parseInt(text string) (int, error) {
	digits := strings.TrimLeft(text, "+-")
	if len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0123456789_") == "" {
		return 0, fmt.Errorf("is %s: write it without the leading 0, which YAML reads as octal", text)
	}
	n, err := strconv.ParseInt(text, 0, 64)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (n > math.MaxInt32 || n < math.MinInt32):
		return 0, fmt.Errorf("is %s, must be a whole number below 2^31", text)
	case err != nil:
		return 0, fmt.Errorf("is %q, must be a whole number", text)
	}
	return int(n), nil
}

func parseFloat(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("is %s, too large for a number", text)
	case err != nil || strings.ContainsAny(text, "xX"):
		return 0, fmt.Errorf("is %q, must be a number", text)
	case math.IsNaN(n) || math.IsInf(n, 0):
		return 0, fmt.Errorf("is %s, must be finite", text)
	}
	return n, nil
}
