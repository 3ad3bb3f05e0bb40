// Package bert encodes sentences with BERT-family encoders such as all-MiniLM-L6-v2.
package bert
