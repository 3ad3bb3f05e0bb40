// Package sqlite keeps a library on one machine: its catalog and queue in SQLite, its
// features in mapped files.
package sqlite
