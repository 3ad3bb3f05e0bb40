// Package config reads the reference's YAML files, such as its
// configs/tall.yaml, unchanged: sections MODEL, TRAIN, VALID, TEST and INFER of
// plain keys and values.
//
// It is strict, because a misspelled key that is passed over costs a day of
// training: an unknown section or key, a value of another type, and a key that
// is given twice are errors that name the file, line and column and, where one
// is near, the name that was meant. All faults of a file are reported together.
//
// Values are read as the reference reads them, which is PyYAML followed by
// Python's literal_eval: True and "True" are both the Boolean, 1e-3 is a number
// although YAML 1.1 takes it for a string.
//
// Flags override sections as in the reference ([Config.Override],
// [Config.Merge]). What a file leaves out has the reference's value; keys of
// our own (see configs/tall.yaml) are all optional. [Section.Source] tells the
// three apart.
//
// Paths are relative to the working directory, as in the reference.
package config
